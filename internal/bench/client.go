package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// order is what a client is to do: callers, each on a connection of its own, send the requests in turns for that long.
type order struct {
	Address  string
	Requests []request
	Callers  int
	Length   time.Duration
}

// request is one as it goes over the wire, and the status that it is answered with.
type request struct {
	Text   []byte
	Status int
}

// newRequest returns a request with a key and, unless that is "", a JSON body.
func newRequest(method, path, key, body string, status int) request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: bench.test\r\nAuthorization: Bearer %s\r\n", method, path, key)
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	return request{b.Bytes(), status}
}

// answers are what came of an order: the time that each answer took, by request.
type answers struct {
	Took    [][]time.Duration
	Seconds float64
	Failure string // "" when every answer had its status
}

func (a answers) count() int {
	n := 0
	for _, took := range a.Took {
		n += len(took)
	}
	return n
}

func (a answers) perSecond() float64 { return float64(a.count()) / a.Seconds }

// quantile returns the time that this share of all answers took at most, in milliseconds.
func (a answers) quantile(share float64) float64 { return quantile(slices.Concat(a.Took...), share) }

func quantile(took []time.Duration, share float64) float64 {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return float64(took[int(share*float64(len(took)-1))]) / float64(time.Millisecond)
}

// client sends requests, and does as little else as it can: what it costs hides what servers cost. Its connections stay open.
type client struct {
	mutex sync.Mutex
	idle  map[string][]*wire // by address
}

func newClient() *client { return &client{idle: map[string][]*wire{}} }

// send does what the order says. When an answer has another status, all callers stop.
func (c *client) send(o order) answers {
	start := time.Now()
	end := start.Add(o.Length)
	var next atomic.Int64
	var failed atomic.Pointer[string]
	took := make([][][]time.Duration, o.Callers) // of each caller
	var running sync.WaitGroup
	for caller := range o.Callers {
		took[caller] = make([][]time.Duration, len(o.Requests))
		running.Go(func() {
			w, err := c.connect(o.Address)
			for err == nil && failed.Load() == nil && time.Now().Before(end) {
				i := int(next.Add(1)-1) % len(o.Requests)
				var one time.Duration
				if one, err = w.exchange(o.Requests[i]); err == nil {
					took[caller][i] = append(took[caller][i], one)
				}
			}
			if err != nil {
				text := err.Error()
				failed.CompareAndSwap(nil, &text)
				return
			}
			c.keep(o.Address, w)
		})
	}
	running.Wait()
	out := answers{Took: make([][]time.Duration, len(o.Requests)), Seconds: time.Since(start).Seconds()}
	for _, of := range took {
		for i := range of {
			out.Took[i] = append(out.Took[i], of[i]...)
		}
	}
	if text := failed.Load(); text != nil {
		out.Failure = *text
	}
	return out
}

func (c *client) connect(address string) (*wire, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if kept := c.idle[address]; len(kept) > 0 {
		c.idle[address] = kept[:len(kept)-1]
		return kept[len(kept)-1], nil
	}
	opened, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{opened, bufio.NewReaderSize(opened, 64<<10)}, nil
}

func (c *client) keep(address string, w *wire) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.idle[address] = append(c.idle[address], w)
}

// wire is a connection.
type wire struct {
	net.Conn
	reader *bufio.Reader
}

// exchange sends a request and reads its answer, which has to tell its length.
func (w *wire) exchange(r request) (time.Duration, error) {
	start := time.Now()
	if _, err := w.Write(r.Text); err != nil {
		return 0, err
	}
	status, length, err := w.head()
	if err != nil {
		return 0, err
	}
	if status != r.Status {
		body := make([]byte, min(length, 1000))
		_, _ = io.ReadFull(w.reader, body)
		first, _, _ := bytes.Cut(r.Text, []byte("\r\n"))
		return 0, fmt.Errorf("%s: %d, want %d: %s", first, status, r.Status, body)
	}
	if _, err := w.reader.Discard(length); err != nil {
		return 0, err
	}
	return time.Since(start), nil
}

// head reads the status and the headers of an answer.
func (w *wire) head() (status, length int, err error) {
	line, err := w.reader.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return 0, 0, fmt.Errorf("%q is no status line", line)
	}
	if status, err = strconv.Atoi(string(fields[1])); err != nil {
		return 0, 0, err
	}
	length = -1
	if status == 204 || status == 304 {
		length = 0
	}
	for {
		if line, err = w.reader.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			if length < 0 {
				err = errors.New("the answer does not tell its length")
			}
			return status, length, err
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, 0, err
			}
		}
	}
}

// serveOrders is the process of a client: orders come in, answers go out.
func serveOrders() error {
	c, in, out := newClient(), json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(c.send(o)); err != nil {
			return err
		}
	}
}

// sender of orders to a process of their own, so that a client's memory is none of the server's.
type distant struct {
	process *exec.Cmd
	out     *json.Encoder
	in      *json.Decoder
	stdin   io.Closer
}

func startClient() (*distant, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process := exec.Command(self, "client")
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &distant{process, json.NewEncoder(stdin), json.NewDecoder(stdout), stdin}, process.Start()
}

func (d *distant) send(o order) (answers, error) {
	var a answers
	if err := d.out.Encode(o); err != nil {
		return a, err
	}
	if err := d.in.Decode(&a); err != nil {
		return a, err
	}
	if a.Failure != "" {
		return a, errors.New(a.Failure)
	}
	return a, nil
}

func (d *distant) close() error {
	_ = d.stdin.Close()
	return d.process.Wait()
}
