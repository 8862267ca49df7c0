package docs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plotwise/plotwise/internal/spec"
)

// guide is one page of the guides: a Markdown file that begins with its title, a summary in a sentence, its group and its
// place in that, as YAML.
type guide struct {
	Title   string `yaml:"title"`
	Summary string `yaml:"summary"`
	Group   string `yaml:"group"`
	Order   int    `yaml:"order"`
	Slug    string `yaml:"-"`

	Text     template.HTML `yaml:"-"`
	Headings []heading     `yaml:"-"`
	Next     *guide        `yaml:"-"`
	plain    string
}

// Path returns where the guide is served.
func (g guide) Path() string { return "/docs/guides/" + g.Slug }

type group struct {
	Name   string
	Guides []*guide
}

// groupNames are the groups in the order of the navigation.
var groupNames = []string{"Get started", "Concepts", "Webhooks", "Recipes", "Operate"}

func (s *site) readGuides(document *spec.Document) error {
	names, err := fs.Glob(files, "guides/*.md")
	if err != nil {
		return err
	}
	made, err := tables(document)
	if err != nil {
		return err
	}
	byGroup := map[string][]*guide{}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		g, err := s.readGuide(strings.TrimSuffix(path.Base(name), ".md"), string(text), made)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		byGroup[g.Group] = append(byGroup[g.Group], g)
	}
	var all []*guide
	for _, name := range groupNames {
		slices.SortFunc(byGroup[name], func(a, b *guide) int { return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Slug, b.Slug)) })
		if len(byGroup[name]) > 0 {
			s.groups = append(s.groups, group{name, byGroup[name]})
		}
		all = append(all, byGroup[name]...)
	}
	for i, g := range all {
		if i+1 < len(all) {
			g.Next = all[i+1]
		}
		s.indexGuide(g)
	}
	return nil
}

// readGuide reads a guide, with this server's URL in the place of the one that it is written with.
func (s *site) readGuide(slug, text string, tables map[string]string) (*guide, error) {
	parts := strings.SplitN(text, "---\n", 3)
	if len(parts) != 3 || parts[0] != "" {
		return nil, errors.New("want a head between two lines of ---")
	}
	g := &guide{Slug: slug}
	decoder := yaml.NewDecoder(strings.NewReader(parts[1]))
	decoder.KnownFields(true)
	if err := decoder.Decode(g); err != nil {
		return nil, fmt.Errorf("read the head: %w", err)
	}
	if g.Title == "" || g.Summary == "" || g.Order < 1 {
		return nil, errors.New("want a head with title, summary, group and order")
	}
	if !slices.Contains(groupNames, g.Group) {
		return nil, fmt.Errorf("the group %q is none of %q", g.Group, groupNames)
	}
	body, err := include(parts[2], tables)
	if err != nil {
		return nil, err
	}
	g.plain = s.local(body)
	g.Text, g.Headings, err = s.convert(g.plain)
	return g, err
}

// local puts this server's URL in the place of the one that texts are written with.
func (s *site) local(text string) string { return strings.ReplaceAll(text, production, s.publicURL) }

var inclusion = regexp.MustCompile(`(?m)^<<< (\S+)\n`)

// include puts files below this directory, and tables and samples by their names, in the place of the lines that name them.
func include(text string, tables map[string]string) (string, error) {
	var missing error
	text = inclusion.ReplaceAllStringFunc(text, func(line string) string {
		name := inclusion.FindStringSubmatch(line)[1]
		if table, ok := tables[name]; ok {
			return table
		}
		content, err := files.ReadFile(name)
		if err != nil {
			missing = err
		}
		return string(bytes.TrimRight(content, "\n")) + "\n"
	})
	return text, missing
}

// indexGuide lets the search find a guide by each of its sections.
func (s *site) indexGuide(g *guide) {
	s.index.add(entry{Title: g.Title, Path: g.Path(), Kind: "Guide", Text: g.Summary})
	for _, h := range g.Headings {
		s.index.add(entry{Title: h.Text, Path: g.Path() + "#" + h.ID, Kind: g.Title, Text: h.section})
	}
}
