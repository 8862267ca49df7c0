package docs

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/plotwise/plotwise/internal/config"
	"github.com/plotwise/plotwise/internal/spec"
)

// tables returns what guides place by a line such as <<< configuration: tables in Markdown, of what the program says of
// itself, and the specification's samples, such as samples/listPermits/python.
func tables(document *spec.Document) (map[string]string, error) {
	entries, err := document.Entries()
	if err != nil {
		return nil, err
	}
	made := map[string]string{"configuration": configuration(), "permissions": permissions(document)}
	for _, e := range entries {
		for _, sample := range e.Samples {
			made["samples/"+e.ID+"/"+sample.Lang] = sample.Source
		}
	}
	return made, nil
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
