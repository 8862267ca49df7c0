package contract

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say which server to hold against its document, and how.
type Options struct {
	BaseURL     string
	Key         string            // with every permission
	Keys        Keys              // others of the same organization; the suite makes them itself when there are none
	OtherKey    string            // of another organization; "" when there is none
	AllowWrites bool              // whether anything but GET may be sent that the server would carry out
	ServedAt    string            // path at which the server serves its document; "" when it does not
	Seed        uint64            // of what is random: the order of changes in sequences
	PerSecond   int               // requests at most; 0 for no limit
	Only        []string          // operationIds; all when empty
	Sections    []string          // names of the suite's parts; all when empty
	SkipLimits  bool              // whether limits of requests are left alone
	Receiver    Receiver          // of what webhooks send
	Patience    time.Duration     // how long what a webhook should send is waited for; 20 s when 0
	Transport   http.RoundTripper // nil for the usual one
	Progress    func(section string, done, total int)
	Now         func() time.Time
}

// Suite is a document with a server to hold against it. It is not for concurrent use.
type Suite struct {
	document   *Document
	operations []Operation
	byID       map[string]Operation
	options    Options
	client     *client
	live       map[string]string // example value: what stands for it on the server
	report     *Report
	random     *rand.Rand
	section    string
	keys       Keys
	unlimited  bool // no limit was found

	beforeLimits func() // is done while requests still get through; nil for nothing
}

// section is a part of the suite: it looks at one operation at a time.
type section struct {
	name string
	run  func(s *Suite, ctx context.Context, op Operation)
}

const (
	limits       = "limits" // the last section: it is in the way of others for a while
	liveWebhooks = "live webhooks"
)

func sections() []section {
	return []section{
		{"examples", (*Suite).replayExamples},
		{"statuses", (*Suite).provokeStatuses},
		{"constraints", (*Suite).breakConstraints},
		{"security", (*Suite).trySecurity},
		{"sequences", (*Suite).runSequence},
		{"paging", (*Suite).walkPages},
		{liveWebhooks, (*Suite).receiveWebhooks},
		{limits, (*Suite).exhaustLimits},
	}
}

// New prepares the suite for a document (JSON).
func New(text []byte, o Options) (*Suite, error) {
	document, err := Parse(text)
	if err != nil {
		return nil, err
	}
	operations, err := document.Operations()
	if err != nil {
		return nil, err
	}
	if o.BaseURL == "" || o.Key == "" {
		return nil, errors.New("want the server's base URL and an API key")
	}
	if err := o.Receiver.check(o.AllowWrites); err != nil {
		return nil, err
	}
	s := &Suite{
		document: document, operations: operations, byID: map[string]Operation{}, options: o, live: map[string]string{},
		client: &client{base: strings.TrimSuffix(o.BaseURL, "/"), slots: make(chan struct{}, atOnce), http: &http.Client{
			Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}},
		report: &Report{Seed: o.Seed, coverage: map[string]map[string]bool{}}, random: rand.New(rand.NewPCG(o.Seed, o.Seed)), //nolint:gosec // to be repeated
	}
	for _, op := range operations {
		s.byID[op.ID] = op
	}
	return s, nil
}

// atOnce is how many requests are under way at most.
const atOnce = 24

// Run holds the server against the document and returns what it found.
func (s *Suite) Run(ctx context.Context) (*Report, error) {
	start := s.options.Now()
	if l := s.options.Receiver.Listener; l != nil {
		defer func() { _ = l.Close() }() // also when nothing was received
	}
	if n := s.options.PerSecond; n > 0 {
		pace := time.NewTicker(time.Second / time.Duration(n))
		defer pace.Stop()
		s.client.pace = pace.C
	}
	if err := s.bindFixtures(ctx); err != nil {
		return nil, err
	}
	if s.keys = s.options.Keys; s.keys.Permissions == nil && s.options.AllowWrites {
		keys, err := s.MakeKeys(ctx)
		removeKeys := sync.OnceFunc(func() { s.RemoveKeys(context.WithoutCancel(ctx), keys) })
		defer removeKeys()
		s.beforeLimits = removeKeys
		if err != nil {
			return nil, err
		}
		s.keys = keys
	}
	s.expectAll()
	s.expectLive()
	s.readDocument(ctx)
	for _, part := range sections() {
		if err := s.runSection(ctx, part); err != nil {
			return nil, err
		}
	}
	s.report.Took = s.options.Now().Sub(start)
	return s.report, nil
}

// readDocument holds the document against itself, and against what the server serves.
func (s *Suite) readDocument(ctx context.Context) {
	if s.runs("document") {
		s.validateExamples()
		if len(s.options.Only) == 0 {
			s.validateWebhooks()
		}
	}
	if s.runs("drift") {
		s.compareServed(ctx)
	}
}

func (s *Suite) runSection(ctx context.Context, part section) error {
	if !s.runs(part.name) {
		return nil
	}
	if s.section = part.name; part.name == limits && s.beforeLimits != nil {
		s.beforeLimits()
	}
	for i, op := range s.operations {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.options.Progress != nil {
			s.options.Progress(part.name, i, len(s.operations))
		}
		if s.wanted(op) {
			part.run(s, ctx, op)
		}
	}
	return nil
}

// runs reports whether a part of the suite is run.
func (s *Suite) runs(part string) bool {
	return len(s.options.Sections) == 0 || slices.Contains(s.options.Sections, part)
}

func (s *Suite) wanted(op Operation) bool {
	for _, id := range s.options.Only {
		if id == op.ID {
			return true
		}
	}
	return len(s.options.Only) == 0
}

// reads reports whether an operation changes nothing, or may be sent all the same.
func (s *Suite) reads(op Operation) bool { return op.Method == http.MethodGet || s.options.AllowWrites }

// expectAll notes all that a whole run covers.
func (s *Suite) expectAll() {
	for _, op := range s.operations {
		if !s.wanted(op) {
			continue
		}
		s.report.expect("operations", op.ID)
		for status, r := range op.Responses {
			if status < "500" {
				s.report.expect("statuses", op.ID+" "+status)
			}
			for _, media := range r.Media {
				for _, e := range media.Examples {
					s.report.expect("response examples", op.ID+" "+status+" "+e.Name)
				}
			}
		}
		if op.Body != nil {
			for _, e := range op.Body.Examples {
				s.report.expect("request examples", op.ID+" "+e.Name)
			}
		}
		for _, p := range op.Parameters {
			s.report.expect("parameters", op.ID+" "+p.Name)
		}
	}
}

// send sends a request and holds the answer against the document; found says whether there was one.
func (s *Suite) send(ctx context.Context, r Request, what string) (e Exchange, found bool) {
	e, err := s.client.send(ctx, r)
	if err != nil {
		s.fail(e, what, Fault{"connection", "answer", err.Error()})
		return e, false
	}
	s.report.Requests++
	s.report.cover("operations", r.Operation.ID)
	s.report.cover("statuses", fmt.Sprintf("%s %d", r.Operation.ID, e.Status))
	for _, fault := range judge(e) {
		s.fail(e, what, fault)
	}
	if e.Status >= http.StatusInternalServerError {
		s.fail(e, what, Fault{"status", "failure", fmt.Sprintf("%d: the server failed", e.Status)})
	}
	return e, true
}

func (s *Suite) fail(e Exchange, what string, f Fault) { s.report.add(s.finding(e, what, f)) }

func (s *Suite) finding(e Exchange, what string, f Fault) Finding {
	return Finding{
		Section: s.section, Operation: e.Request.Operation.ID, Case: what, Place: f.Place, Keyword: f.Keyword, Message: f.Message,
		Status: e.Status, Curl: e.Curl(), Body: string(e.Body[:min(len(e.Body), 2000)]),
	}
}
