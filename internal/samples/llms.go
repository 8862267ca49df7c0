package samples

import (
	"fmt"
	"strings"

	"github.com/plotwise/plotwise/internal/spec"
)

// Guide is a page beside the reference.
type Guide struct {
	Title   string
	URL     string
	Summary string // a sentence; "" for none
}

// LLMs returns what /llms.txt serves (https://llmstxt.org): the API's title and summary, what its description and its
// authentication say, links to the guides as they are given, and every operation, by tag, with a link to its page
// /docs/reference/{operationId} on the document's first server. It is Markdown; serve it as text/plain; charset=utf-8.
func LLMs(document *spec.Document, guides []Guide) (string, error) {
	entries, err := document.Entries()
	if err != nil {
		return "", err
	}
	info := document.Info()
	server := strings.TrimSuffix(info.Server, "/")
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n> %s\n\n%s\n\n", info.Title, strings.TrimSpace(info.Summary), strings.TrimSpace(info.Description))
	fmt.Fprintf(&b, "To authenticate: %s\n", unwrapped(info.Authentication))
	if len(guides) > 0 {
		b.WriteString("\n## Guides\n\n")
		for _, g := range guides {
			writeLink(&b, g.Title, g.URL, g.Summary)
		}
	}
	b.WriteString("\n## Specification\n\n")
	writeLink(&b, "OpenAPI (YAML)", server+"/docs/openapi.yaml", "Every operation, schema and example in one document.")
	writeLink(&b, "OpenAPI (JSON)", server+"/docs/openapi.json", "The same as JSON.")
	writeLink(&b, "Errors", server+"/docs/errors", "Every error code: what it means, and whether to try again.")
	for _, t := range info.Tags {
		var lines strings.Builder
		for _, e := range entries {
			if e.Tag == t.Name {
				writeLink(&lines, e.Summary, server+"/docs/reference/"+e.ID, fmt.Sprintf("`%s %s`. %s", e.Method, e.Path, firstSentence(e.Description)))
			}
		}
		if lines.Len() > 0 {
			fmt.Fprintf(&b, "\n## Operations: %s\n\n%s", t.Name, lines.String())
		}
	}
	return b.String(), nil
}

func writeLink(b *strings.Builder, title, url, summary string) {
	fmt.Fprintf(b, "- [%s](%s)", title, url)
	if summary = unwrapped(summary); summary != "" {
		b.WriteString(": " + summary)
	}
	b.WriteByte('\n')
}

// unwrapped puts a text on one line.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// firstSentence returns the first sentence of a description, on one line: up to a full stop after which another begins with
// a capital letter or code.
func firstSentence(text string) string {
	paragraph, _, _ := strings.Cut(text, "\n\n")
	line := unwrapped(paragraph)
	for i := 0; i+2 < len(line); i++ {
		if line[i] == '.' && line[i+1] == ' ' && (line[i+2] == '`' || line[i+2] >= 'A' && line[i+2] <= 'Z') {
			return line[:i+1]
		}
	}
	return line
}
