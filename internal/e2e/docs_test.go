//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDocs_search finds things as one types, without a mouse.
func TestDocs_search(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.visit("/docs")
	b.keys("/", "c", "o", "n", "d")
	if got := eval[string](b, `document.activeElement.value`); got != "cond" {
		t.Fatalf(`after "/" the words go elsewhere: the search has %q, want cond`, got)
	}
	b.until("results appear", `document.querySelectorAll('.found a').length > 1 && document.querySelector('.found').checkVisibility()`)
	b.picture("docs-search-typing-1440-light")
	b.access("docs-search-typing")
	b.keys(kb.ArrowDown, kb.ArrowDown, kb.ArrowUp)
	if !eval[bool](b, `document.activeElement === document.querySelector('.found a')`) {
		t.Errorf("down, down and up do not lead to the first result but to %s", eval[string](b, `document.activeElement.outerHTML`))
	}
	want := eval[string](b, `document.querySelector('.found a').getAttribute('href')`)
	b.keys(kb.Enter)
	b.at(want)

	b.keys("/", "z", "z", "q", "x")
	b.until("it says that there is nothing", `document.querySelector('.found .none')`)
	b.keys(kb.Escape)
	b.until("Escape closes the results", `document.querySelector('.found').hidden`)
	b.visit("/docs")
	b.keys("/", "c", "o", "n", "d")
	b.until("results appear", `document.querySelectorAll('.found a').length > 1`)
	b.keys(kb.ArrowDown, kb.Escape)
	b.until("Escape leads from a result back to the field", `document.querySelector('.found').hidden && document.activeElement === document.querySelector('.search input')`)
	b.visit("/docs/search?q=webhook")
	b.inspect("docs-search")
}

// TestDocs_withoutScripts reads, searches and follows links in a browser that runs no scripts.
func TestDocs_withoutScripts(t *testing.T) {
	t.Parallel()
	b := open(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visit("/docs")
	b.fill("Search the documentation", "cursor")
	b.keys(kb.Enter)
	b.until("the results are there", `location.search === '?q=cursor' && document.querySelectorAll('.results a').length > 1`)
	b.picture("docs-search-without-scripts")
	b.do("follow the first result", chromedp.Click(chromedp.CSS(".results a")))
	b.until("the result is there", `location.pathname !== '/docs/search' && document.querySelector('h1')`)

	b.visit("/docs")
	b.follow("Quick start", "/docs/guides/quick-start")
	b.follow("All operations", "/docs/operations") // at the side
	b.do("open an operation", chromedp.Click(chromedp.CSS(`.operations a[href="/docs/reference/listPermits"]`)))
	b.at("/docs/reference/listPermits")
	for _, want := range []string{"/v1/permits", "jurisdiction", "200", `"permit_number"`} {
		b.shows(want)
	}
	if hidden := eval[int](b, `[...document.querySelectorAll('main figure.code')].filter((f) => !f.closest('details') && !f.checkVisibility()).length`); hidden > 0 {
		t.Errorf("%d pieces of code are hidden without scripts, want 0", hidden)
	}
	b.picture("docs-reference-listPermits-without-scripts")
	b.visit("/docs/errors#invalid_api_key")
	b.shows("Do not retry unchanged")
	b.visit("/docs/reference")
	b.shows("Trying operations needs JavaScript.")
	b.follow("Every operation is described", "/docs/operations")
	b.look(narrow, "light")
	b.visit("/docs/guides/quick-start")
	b.press("Contents")
	b.follow("All operations", "/docs/operations")
}

// TestDocs_copy copies code.
func TestDocs_copy(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.visit("/docs/guides/quick-start")
	want := eval[string](b, `document.querySelector('figure.code code').textContent`)
	b.press("Copy")
	b.shows("Copied")
	if got := b.clipboard(); strings.TrimSpace(got) != strings.TrimSpace(want) || !strings.HasSuffix(got, "\n") {
		t.Errorf("Copy puts %q into the clipboard, want %q and a line's end", got, want)
	}
}

// TestDocs_copy_nowhere offers no button that would do nothing: browsers lend the clipboard to secure pages alone.
func TestDocs_copy_nowhere(t *testing.T) {
	t.Parallel()
	b := open(t)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `Object.defineProperty(navigator, 'clipboard', { value: undefined });`})
	b.visit("/docs/reference/listPermits")
	b.until("scripts have run", `document.querySelector('.tabs.on')`)
	if n := eval[int](b, `document.querySelectorAll('.copy').length`); n > 0 {
		t.Errorf("%d buttons to copy, want none", n)
	}
}

func (b *tab) clipboard() string { return eval[string](b, `navigator.clipboard.readText()`) }

// TestDocs_languages chooses a language once for all code.
func TestDocs_languages(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.visit("/docs/reference/listPermits")
	if got, want := eval[string](b, `[...document.querySelectorAll('[role=tab]')].map((e) => e.textContent).join()`), "curl,Go,TypeScript,Python"; got != want {
		t.Fatalf("the tabs are %s, want %s", got, want)
	}
	shown := func() string {
		return eval[string](b, `[...document.querySelectorAll('.tabs figure.code')].filter((f) => f.checkVisibility()).map((f) => f.dataset.language).join()`)
	}
	if got := shown(); got != "curl" {
		t.Errorf("%s is shown at first, want curl", got)
	}
	b.press("Go")
	b.keys(kb.ArrowRight)
	if got := shown(); got != "TypeScript" {
		t.Errorf("%s is shown after Go and an arrow to the right, want TypeScript", got)
	}
	b.inspect("docs-reference-listPermits-typescript")
	b.visit("/docs/reference/createNote")
	if got := shown(); got != "TypeScript" {
		t.Errorf("%s is shown on another page, want TypeScript, which was chosen", got)
	}
	b.do("copy it", chromedp.Click(chromedp.CSS(`.tabs figure.code:not([hidden]) .copy`)))
	b.shows("Copied")
	if got := b.clipboard(); !strings.Contains(got, "new Plotwise()") {
		t.Errorf("Copy puts %q into the clipboard, want the TypeScript", got)
	}
}

// TestDocs_try sends requests from the page that tries operations.
func TestDocs_try(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.visit("/docs/reference")
	b.until("the operations are there", `document.querySelector('.opblock')`)
	b.press("Authorize")
	b.do("give the key", chromedp.SendKeys(chromedp.CSS(".modal-ux input"), program.key))
	b.glance("docs-reference-authorize")
	b.do("authorize", chromedp.Click(chromedp.CSS(".modal-ux .auth.btn.authorize")))
	b.do("close", chromedp.Click(chromedp.CSS(".modal-ux .btn-done")))
	for tag, operation := range map[string]string{"organizations": "getMe", "permits": "listPermits"} {
		block := "#operations-" + tag + "-" + operation
		b.do("open "+operation, chromedp.Click(chromedp.CSS(block+" .opblock-summary-control")))
		b.do("execute "+operation, chromedp.Click(chromedp.CSS(block+" .execute")))
		b.until(operation+" is answered with 200", `document.querySelector(`+quote(block+" .live-responses-table .response .response-col_status")+`)?.innerText.trim().startsWith('200')`)
		if got := b.path(); !strings.HasSuffix(got, "#/"+tag+"/"+operation) {
			t.Errorf("the address of %s is %s, want one to link to", operation, got)
		}
	}
	b.inspect("docs-reference-answered")
	if events := eval[int](b, `document.querySelectorAll('.webhooks .opblock').length`); events < 5 {
		t.Errorf("%d kinds of events are shown, want at least 5", events)
	}
	b.visit("/docs/reference#/watchlist/addWatchlistItem") // the same document: the browser keeps the page
	b.do("reload", chromedp.Reload())
	b.until("the operation of the address stands open", `document.querySelector('#operations-watchlist-addWatchlistItem.is-open .execute')`)
}

// TestDocs_try_samples shows code on the page that tries operations.
func TestDocs_try_samples(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.visit("/docs/reference#/permits/listPermits")
	b.until("the samples are there", `document.querySelectorAll('.samples-of-code [role=tab]').length === 4`)
	for language, want := range map[string]string{"curl": "curl ", "Go": "plotwise.NewClient()", "TypeScript": "new Plotwise()", "Python": "client = Plotwise()"} {
		b.press(language)
		b.until("the code is in "+language, `document.querySelector('.samples-of-code pre').textContent.includes(`+quote(want)+`)`)
	}
	b.glance("docs-reference-samples")
}
