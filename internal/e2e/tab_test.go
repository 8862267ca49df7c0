//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the context of the browser, in which each test has tabs of its own.
var chromium context.Context

func startChromium() (stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WindowSize(wide, tall))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	chromium, _ = chromedp.NewContext(allocator)
	if err := chromedp.Do(chromium); err != nil {
		end()
		return nil, fmt.Errorf("start Chromium, which make e2e installs: %w", err)
	}
	return end, nil
}

// tab is a tab of the browser, in which nobody has been before: it has cookies and storage of its own. What goes wrong in it
// fails the test.
type tab struct {
	*testing.T
	ctx context.Context

	mu      sync.Mutex
	wrong   []string
	allowed []int // statuses of answers that the test is after
}

// open opens a tab.
func open(t *testing.T) *tab {
	t.Helper()
	b := &tab{T: t}
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	of := chromedp.FromContext(ctx).BrowserContextID
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		permission := browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted, BrowserContextID: of}
		if _, err := chromedp.CallBrowser(ctx, browser.SetPermission, permission); err != nil {
			t.Fatalf("allow %s: %v", name, err)
		}
	}
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: telling})
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.look(wide, "light")
	t.Cleanup(b.check)
	return b
}

// telling lets a page say what its policy forbids, which reaches the test by the console.
const telling = `addEventListener('securitypolicyviolation', (e) => console.error('forbidden by ' + e.violatedDirective + ': ' + (e.blockedURI || e.sample)));`

// hear notes what goes wrong. The browser calls it for every event, before the command that caused it returns.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			b.note("the console says (%s) %s", e.Type, strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		b.note("an exception is not caught: %v", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			b.note("the browser says (%s) %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled { // by going elsewhere
			b.note("a request for a %s failed: %s %s", e.Type, e.ErrorText, e.BlockedReason)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Scheme+"://"+u.Host != program.url {
			b.note("a request goes to another server: %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		b.mu.Lock()
		defer b.mu.Unlock()
		if status := int(e.Response.Status); status >= 400 && !slices.Contains(b.allowed, status) {
			b.wrong = append(b.wrong, fmt.Sprintf("%s is answered with %d", e.Response.URL, status))
		}
	}
}

func (b *tab) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// allow takes answers with these statuses as what the test is after.
func (b *tab) allow(statuses ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = statuses
}

// in returns the tab for a part of the test, which then fails for what goes wrong.
func (b *tab) in(t *testing.T) *tab {
	t.Helper()
	of := b.T
	b.T = t
	t.Cleanup(func() {
		b.check()
		b.T = of
	})
	return b
}

// check fails the test for what went wrong since it was called before.
func (b *tab) check() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		b.Error(w)
	}
	b.wrong = nil
}
