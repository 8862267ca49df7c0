//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The sizes of a window: a desk's, and a phone's.
const (
	wide   = 1440
	narrow = 390
	tall   = 900
)

const root = "../.." // of the repository

// do takes steps, and fails the test at once when one does not work.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.check()
		b.Fatalf("%s: %v", what, err)
	}
}

// call sends a command of the DevTools protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// eval returns the value of an expression in the page, or what its promise comes to.
func eval[T any](b *tab, expression string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("evaluate %.200s: %v", expression, err)
	}
	return value
}

// until waits until an expression holds, in whatever page the tab has come to.
func (b *tab) until(what, expression string) {
	b.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")) // fails between two pages
		if err == nil && holds {
			return
		}
	}
	b.check()
	b.picture("failed-" + strings.ReplaceAll(b.Name(), "/", "-"))
	b.Fatalf("wait until %s on %s: not within %s", what, b.path(), patience)
}

// visit goes to a path of the server.
func (b *tab) visit(path string) {
	b.Helper()
	b.do("visit "+path, chromedp.Navigate(program.url+path))
	b.settle()
}

// settle waits until the page is there as a whole.
func (b *tab) settle() {
	b.Helper()
	b.until("the page is there", `document.readyState === 'complete'`)
}

// path returns where the tab is on the server.
func (b *tab) path() string {
	b.Helper()
	u, err := url.Parse(eval[string](b, `location.href`))
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimPrefix(u.String(), program.url)
}

// at waits until the tab is at a path.
func (b *tab) at(path string) {
	b.Helper()
	b.until("the tab is at "+path, `location.pathname + location.hash === `+quote(path))
	b.settle()
}

// shows waits until the page has a text.
func (b *tab) shows(text string) {
	b.Helper()
	b.until("the page shows "+text, `document.body?.innerText.includes(`+quote(text)+`)`)
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // every text has its JSON
	return string(quoted)
}

// named selects what people would call by a name: a link or a button by its words, a field by its label.
func named(name string) chromedp.JSPath {
	return chromedp.JSPath(`(() => {
		const name = ` + quote(name) + `, seen = (e) => e.checkVisibility();
		const words = (e) => (e.getAttribute('aria-label') ?? e.innerText).replace(/\s+/g, ' ').trim();
		const fields = [...document.querySelectorAll('input, select, textarea')].filter(seen);
		return [...document.querySelectorAll('a, button, summary')].filter(seen).find((e) => words(e) === name)
			?? fields.find((e) => e.getAttribute('aria-label') === name || [...e.labels].some((l) => l.innerText.trim().split(/\n/)[0].startsWith(name)));
	})()`)
}

// press clicks on what has a name.
func (b *tab) press(name string) {
	b.Helper()
	b.do("press "+name, chromedp.ScrollIntoView(named(name)), chromedp.Click(named(name)))
}

// follow clicks on what leads to another page, and waits for that.
func (b *tab) follow(name, path string) {
	b.Helper()
	b.press(name)
	b.at(path)
}

// fill writes a text into the field that has a label, in the place of what is there.
func (b *tab) fill(label, text string) {
	b.Helper()
	b.do("fill "+label, chromedp.Clear(named(label)), chromedp.SendKeys(named(label), text))
}

// keys presses keys, such as kb.Tab, one after the other.
func (b *tab) keys(keys ...string) {
	b.Helper()
	for _, key := range keys {
		events := kb.Encode([]rune(key)[0])
		down, up := *events[0], *events[len(events)-1]
		down.Text = events[len(events)-2].Text // from which the browser makes the character, unless the page keeps the key
		call(b, input.DispatchKeyEvent, down)
		call(b, input.DispatchKeyEvent, up)
	}
}

// tabTo presses Tab until what has a name has the focus, as somebody without a mouse does.
func (b *tab) tabTo(name string) {
	b.Helper()
	for range 60 {
		b.keys(kb.Tab)
		if eval[bool](b, `document.activeElement === `+string(named(name))) {
			return
		}
	}
	b.Fatalf("Tab does not come to %s on %s", name, b.path())
}

// look gives the tab a width, and a scheme of colours: light or dark.
func (b *tab) look(width int64, scheme string) {
	b.Helper()
	size := []chromedp.EmulateViewportOption{}
	if width == narrow {
		size = append(size, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do("look at it in "+scheme, chromedp.EmulateViewport(width, tall, size...))
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// painted waits until the page has taken its look and nothing in it moves.
func (b *tab) painted() {
	b.Helper()
	eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	b.until("nothing moves", `document.getAnimations().every((a) => a.playState !== 'running')`)
}

// inspect holds the page against what every page keeps, at a desk and on a phone, by day and by night, and takes its
// pictures under a name.
func (b *tab) inspect(name string) {
	b.Helper()
	b.look(wide, "dark")
	b.painted()
	b.access(name+" by night", contrast)
	b.picture(name + "-1440-dark")
	b.look(narrow, "dark")
	b.painted()
	b.picture(name + "-390-dark")
	b.look(wide, "light")
	b.painted()
	b.access(name, contrast)
	b.glance(name)
}

// glance is inspect without colours, which the pages have from one that is inspected and that they differ from by words.
func (b *tab) glance(name string) {
	b.Helper()
	b.painted()
	for _, w := range eval[[]string](b, structure) {
		b.Errorf("%s: %s", name, w)
	}
	b.access(name)
	b.picture(name + "-1440-light")
	b.look(narrow, "light")
	b.painted()
	for _, w := range eval[[]string](b, tooWide) {
		b.Errorf("%s: on a phone it is scrolled sideways because of %s", name, w)
	}
	b.access(name+" on a phone", onAPhone...)
	b.picture(name + "-390-light")
	b.look(wide, "light")
	b.check()
}

// structure is what is wrong in the structure of a page.
const structure = `(() => {
	const wrong = [], heads = document.querySelectorAll('h1').length, ids = new Set();
	if (heads !== 1) wrong.push('it has ' + heads + ' h1, want 1');
	if (!document.title) wrong.push('it has no title');
	for (const i of document.images) if (!i.hasAttribute('alt')) wrong.push('the image ' + i.src + ' has no alt');
	for (const e of document.querySelectorAll('[id]')) { if (ids.has(e.id)) wrong.push('the id ' + e.id + ' is there twice'); ids.add(e.id); }
	return wrong;
})()`

// tooWide is what makes a page wider than the window.
const tooWide = `(() => {
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= width) return [];
	const clipped = (e) => e && (getComputedStyle(e).overflowX !== 'visible' || clipped(e.parentElement));
	const out = [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > width + 1 && !clipped(e.parentElement));
	return [document.documentElement.scrollWidth + ' px: ' + out.slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(' | ')];
})()`

// axe returns the source of axe-core, which make e2e gets.
var axe = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "bin", "axe.min.js"))
	return string(text), err
})

// contrast is the rule of axe that takes as long as all others.
const contrast = "color-contrast"

// onAPhone are the rules of axe by which a page can differ on a phone from the one at a desk.
var onAPhone = []string{"button-name", "label", "link-name", "scrollable-region-focusable", "select-name"}

// access fails the test for what axe finds serious or critical by some of its rules; when none are given, by all but that of
// contrast. By night Swagger UI is left out: a filter turns its colours, which axe does not know.
func (b *tab) access(name string, rules ...string) {
	b.Helper()
	source, err := axe()
	if err != nil {
		b.Fatalf("axe-core is not there: run make e2e, which gets it from npm (%v)", err)
	}
	if eval[bool](b, `typeof axe === 'undefined'`) {
		b.do("bring axe", chromedp.Evaluate[chromedp.Void](source))
	}
	only := `, rules: { '` + contrast + `': { enabled: false } }`
	if len(rules) > 0 {
		only = `, runOnly: '` + strings.Join(rules, ` `) + `'.split(' ')`
	}
	for _, found := range eval[[]string](b, fmt.Sprintf(`axe.run({ exclude: matchMedia('(prefers-color-scheme: dark)').matches ? ['.swagger-ui'] : [] }, { resultTypes: ['violations'], selectors: false, preload: false%s }).then((r) => r.violations
		.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => v.id + ' (' + v.help + '), ' + v.nodes.length + ' times: ' + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160) + ' ' + n.any.map((a) => a.message).join(' ')).join(' | ')))`, only)) {
		b.Errorf("%s: axe finds %s", name, found)
	}
}

// longest is how much of a page is in its picture.
const longest = 3000

// picture keeps what the page looks like.
func (b *tab) picture(name string) {
	b.Helper()
	yes, size := true, call(b, page.GetLayoutMetrics, cdp.Empty{}).CSSContentSize
	image := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &yes, OptimizeForSpeed: &yes, Clip: &page.Viewport{Width: size.Width, Height: min(size.Height, longest), Scale: 1},
	}).Data
	folder := filepath.Join(root, ".plotwise", "screenshots")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), image, 0o600); err != nil {
		b.Fatal(err)
	}
}
