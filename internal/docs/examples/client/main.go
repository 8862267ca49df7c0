// Client prints the permits on the watchlist.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/plotwise/plotwise/gen/client"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	api, err := client.NewClientWithResponses("https://api.plotwise.us", client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Getenv("PLOTWISE_API_KEY"))
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	perPage := int32(100)
	query := client.ListPermitsParams{PerPage: &perPage}
	for {
		page, err := api.ListPermitsWithResponse(ctx, &query)
		if err != nil {
			log.Fatal(err)
		}
		if page.JSON200 == nil {
			log.Fatalf("the API answers %s: %s", page.Status(), page.Body)
		}
		for _, p := range page.JSON200.Data {
			fmt.Println(p.PermitNumber, p.Status)
		}
		query.Cursor = page.JSON200.Meta.NextCursor
		if query.Cursor == nil {
			return
		}
	}
}
