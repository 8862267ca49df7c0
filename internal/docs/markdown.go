package docs

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/alecthomas/chroma/v2"
	codehtml "github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/alecthomas/chroma/v2/styles"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// heading is a section of a guide.
type heading struct {
	ID, Text string
	Level    int
	section  string // its text
}

// markdown renders our own texts, in which HTML may stand.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.GFM, extension.Typographer),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(html.WithUnsafe(), renderer.WithNodeRenderers(util.Prioritized(blocks{}, 100))),
)

// convert renders a guide.
func (s *site) convert(source string) (template.HTML, []heading, error) {
	root := markdown.Parser().Parse(text.NewReader([]byte(source)))
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, []byte(source), root); err != nil {
		return "", nil, err
	}
	return template.HTML(b.String()), headings(root, []byte(source)), nil //nolint:gosec // our own
}

// inline renders a text of the specification.
func (s *site) inline(source string) (template.HTML, error) {
	var b bytes.Buffer
	err := markdown.Convert([]byte(s.local(source)), &b)
	return template.HTML(b.String()), err //nolint:gosec // our own
}

// headings returns the sections, each with its words.
func headings(root ast.Node, source []byte) (found []heading) {
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			id, _ := h.AttributeString("id")
			name, _ := id.([]byte)
			found = append(found, heading{ID: string(name), Text: words(h, source), Level: h.Level})
		} else if len(found) > 0 {
			found[len(found)-1].section += words(n, source) + " "
		}
	}
	return found
}

// words returns the text below a node.
func words(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(source))
				b.WriteByte(' ')
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// blocks renders code and headings: what readers copy and link to.
type blocks struct{}

func (blocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		block := n.(*ast.FencedCodeBlock)
		var code strings.Builder
		for i := range block.Lines().Len() {
			line := block.Lines().At(i)
			code.Write(line.Value(source))
		}
		text, err := highlight(string(block.Language(source)), code.String())
		_, _ = w.WriteString(string(text))
		return ast.WalkSkipChildren, err
	})
	r.Register(ast.KindHeading, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		h := n.(*ast.Heading)
		id, _ := h.AttributeString("id")
		if entering {
			_, _ = fmt.Fprintf(w, `<h%d id="%s"><a class="anchor" href="#%s">`, h.Level, id, id)
		} else {
			_, _ = fmt.Fprintf(w, "</a></h%d>\n", h.Level)
		}
		return ast.WalkContinue, nil
	})
}

// languages are the names that readers know the languages of code by.
var languages = map[string]string{
	"sh": "Shell", "bash": "Shell", "curl": "curl", "go": "Go", "ts": "TypeScript", "typescript": "TypeScript", "py": "Python", "python": "Python", "json": "JSON",
	"yaml": "YAML", "http": "HTTP", "js": "JavaScript", "javascript": "JavaScript", "sql": "SQL", "text": "Text", "csv": "CSV", "ruby": "Ruby", "php": "PHP",
}

var formatter = codehtml.New(codehtml.WithClasses(true), codehtml.PreventSurroundingPre(true))

// highlight renders code with its language above it.
func highlight(language, code string) (template.HTML, error) {
	if language == "" {
		language = "text"
	}
	name := languages[strings.ToLower(language)]
	if name == "" {
		return "", fmt.Errorf("code in %q: want one of the languages that have a name", language)
	}
	lexer := lexers.Get(map[bool]string{true: "bash", false: strings.ToLower(language)}[name == "curl" || name == "Shell"])
	if lexer == nil {
		lexer = lexers.Fallback
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, code)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<figure class="code" data-language="%[1]s"><figcaption>%[1]s</figcaption><pre class="chroma" tabindex="0"><code>`, name)
	if err := formatter.Format(&b, styles.Fallback, tokens); err != nil {
		return "", err
	}
	b.WriteString("</code></pre></figure>\n")
	return template.HTML(b.String()), nil //nolint:gosec // escaped by the formatter
}

// codeStyle is the style of highlighted code, by day and by night.
func codeStyle() ([]byte, error) {
	var b bytes.Buffer
	for _, c := range []struct{ when, style string }{{"not (prefers-color-scheme: dark)", "github"}, {"(prefers-color-scheme: dark)", "github-dark"}} {
		fmt.Fprintf(&b, "@media %s {\n", c.when)
		if err := formatter.WriteCSS(&b, styles.Get(c.style)); err != nil {
			return nil, err
		}
		b.WriteString("}\n")
	}
	return b.Bytes(), nil
}
