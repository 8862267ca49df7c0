// Command contract holds a running server against its OpenAPI document, for those who test it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/plotwise/plotwise/internal/contract"
)

type cli struct {
	Run     runCommand     `cmd:"" help:"Hold a server against its document."`
	Project projectCommand `cmd:"" help:"Print a document's webhooks as answers, for comparing two versions of it."`
}

type projectCommand struct {
	Document string `arg:"" type:"existingfile" help:"The document (JSON)."`
}

// Run prints the projection.
func (c *projectCommand) Run() error {
	text, err := os.ReadFile(c.Document)
	if err != nil {
		return err
	}
	projected, err := contract.Project(text)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(projected, '\n'))
	return err
}

type runCommand struct {
	BaseURL     string            `required:"" name:"base-url" help:"Where the server is, such as https://staging.example.com." placeholder:"URL"`
	APIKey      string            `required:"" name:"api-key" env:"PLOTWISE_API_KEY" help:"A key with every permission." placeholder:"KEY"`
	AllowWrites bool              `help:"Send what changes something, and delete what that made; only reads otherwise."`
	Spec        string            `help:"File of the document (JSON); by default the one that the server serves at /docs/openapi.json." placeholder:"FILE"`
	Keys        map[string]string `name:"permission-keys" help:"Keys of the same organization that have one permission alone, to provoke 403; made, and revoked afterwards, when left out." placeholder:"read=KEY;write=KEY"`
	OtherKey    string            `help:"A key of another organization, to try that it sees nothing." placeholder:"KEY"`
	PerSecond   int               `default:"50" help:"Requests a second at most; 0 for no limit." placeholder:"N"`
	Seed        uint64            `default:"1" help:"Seed of what is random; the same one gives the same run." placeholder:"N"`
	Operations  []string          `help:"Only these operations, by operationId." placeholder:"ID"`
	Receiver    string            `help:"Receive what webhooks send at this address, such as 127.0.0.1:0; without it that is not tried. A local server has to run with PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8." placeholder:"ADDRESS"`
	ReceiverURL string            `name:"receiver-url" help:"URL under which the server reaches the receiver, when it is another than its address." placeholder:"URL"`
	SkipLimits  bool              `help:"Leave the limits of requests alone; otherwise they are used up at the end, which keeps requests without a key from this network out for a minute."`
	Report      map[string]string `help:"Files to write: json=FILE, junit=FILE, html=FILE." placeholder:"KIND=FILE"`
}

// Help tells what the one-line help leaves out.
func (runCommand) Help() string {
	return `It replays the document's examples, provokes every status below 500, breaks one constraint at a time, tries keys and
foreign ids, and leads what it makes along the document's links. Every answer is held against the document in full.
With --receiver it makes webhooks that lead to itself, and holds what arrives against the document too: bodies, signatures,
retries, pauses and the log.

  contract run --base-url http://localhost:8080 --api-key "$PLOTWISE_API_KEY" --allow-writes --receiver 127.0.0.1:0 \
    --report "html=contract.html;junit=contract.xml"

Without --allow-writes nothing is changed on the server, and what needs it counts as not covered. With it, what was made
is deleted again; requests are a few at once and no more a second than --per-second says.

Exit codes: 0 the server keeps its contract, as far as it was tried; 1 it does not, or too little was covered; 2 the run could not be done.`
}

// errNotKept says that the server does not keep its contract, or that too little was covered to say; it was said already.
var errNotKept = errors.New("the contract is not kept, or was not covered")

func main() {
	var c cli
	parsed := kong.Parse(&c, kong.Name("contract"), kong.Description("Holds a running server against its OpenAPI document."), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	switch err := parsed.Run(); {
	case errors.Is(err, errNotKept):
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	case err != nil:
		fmt.Fprintf(os.Stderr, "contract: %v\n", err)
		os.Exit(2)
	}
}

// Run holds the server against the document, and prints and writes what it found.
func (c *runCommand) Run(ctx context.Context) error {
	document, err := c.document(ctx)
	if err != nil {
		return err
	}
	for kind := range c.Report {
		if _, known := contract.Renderers[kind]; !known {
			return fmt.Errorf("--report %s: want json, junit or html", kind)
		}
	}
	receiver, err := c.receiver(ctx)
	if err != nil {
		return err
	}
	suite, err := contract.New(document, contract.Options{
		BaseURL: c.BaseURL, Key: c.APIKey, Keys: contract.Keys{Permissions: c.Keys}, OtherKey: c.OtherKey, AllowWrites: c.AllowWrites, PerSecond: c.PerSecond, Seed: c.Seed,
		Only: c.Operations, Receiver: receiver, SkipLimits: c.SkipLimits, ServedAt: c.servedAt(), Progress: progress(), Now: time.Now,
	})
	if err != nil {
		return err
	}
	report, err := suite.Run(ctx)
	if err != nil {
		return err
	}
	for kind, file := range c.Report {
		text, err := contract.Renderers[kind](report)
		if err != nil {
			return fmt.Errorf("render the report %s: %w", kind, err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // for others to read
			return fmt.Errorf("write the report: %w", err)
		}
	}
	fmt.Print(report.Text())
	if !report.Passed() {
		return errNotKept
	}
	return nil
}

// receiver listens for what webhooks send; where it is not to, it returns none.
func (c *runCommand) receiver(ctx context.Context) (contract.Receiver, error) {
	if c.Receiver == "" {
		if c.ReceiverURL != "" {
			return contract.Receiver{}, errors.New("--receiver-url: want --receiver too, the address to listen on")
		}
		return contract.Receiver{}, nil
	}
	var listening net.ListenConfig
	l, err := listening.Listen(ctx, "tcp", c.Receiver)
	if err != nil {
		return contract.Receiver{}, fmt.Errorf("--receiver %s: %w", c.Receiver, err)
	}
	return contract.Receiver{Listener: l, URL: c.ReceiverURL}, nil
}

const servedAt = "/docs/openapi.json"

// servedAt returns where the served document is, when it is to be held against another.
func (c *runCommand) servedAt() string {
	if c.Spec == "" {
		return ""
	}
	return servedAt
}

func (c *runCommand) document(ctx context.Context) ([]byte, error) {
	if c.Spec != "" {
		return os.ReadFile(c.Spec)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	url := strings.TrimSuffix(c.BaseURL, "/") + servedAt
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("--base-url %q: want a URL such as https://staging.example.com", c.BaseURL)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("get the document: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get the document: %s answers %d; name its file with --spec", url, response.StatusCode)
	}
	return io.ReadAll(response.Body)
}

// progress returns what shows how far the run is, on a terminal; nil elsewhere.
func progress() func(section string, done, total int) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return func(section string, done, total int) {
		fmt.Fprintf(os.Stderr, "\r\033[K%-12s %3d of %d operations", section, done+1, total)
		if done+1 == total {
			fmt.Fprint(os.Stderr, "\r\033[K")
		}
	}
}
