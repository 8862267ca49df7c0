package docs

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/plotwise/plotwise/internal/config"
	"github.com/plotwise/plotwise/internal/spec"
)

// tables returns the tables, in Markdown, that guides place by a line such as <<< configuration: what the program says of
// itself.
func tables(document *spec.Document) map[string]string {
	return map[string]string{"configuration": configuration(), "permissions": permissions(document)}
}

func configuration() string {
	var b strings.Builder
	b.WriteString("| Variable | Default | What |\n|---|---|---|\n")
	for _, v := range config.Variables() {
		name := strings.ReplaceAll(v.Name, "_", "_<wbr>") // where a narrow page may break it
		fmt.Fprintf(&b, "| <code>%s</code> | %s | %s |\n", name, quoted(v.Default), template.HTMLEscapeString(v.Help))
	}
	return b.String()
}

func permissions(document *spec.Document) string {
	var b strings.Builder
	b.WriteString("| Operation | Permission |\n|---|---|\n")
	for _, o := range document.Operations() {
		permission := "any key"
		if o.Permission != "" {
			permission = quoted(o.Permission)
		}
		fmt.Fprintf(&b, "| [`%s %s`](/docs/reference/%s) | %s |\n", o.Method, o.Path, o.ID, permission)
	}
	return b.String()
}

// quoted shows a word as code, and nothing as nothing.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
