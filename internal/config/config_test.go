package config

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/google/go-cmp/cmp"
)

func defaults() Config {
	return Config{
		Addr: ":8080", AdminAddr: "127.0.0.1:8081", DataDir: ".plotwise", MaxConnections: 20,
		StatementTimeout: 15 * time.Second, LockTimeout: 5 * time.Second, TransactionIdle: 30 * time.Second,
		ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, ShutdownTimeout: 30 * time.Second,
		ValidateResponses: "enforce", Validator: "fast", AddressRequests: 300, MaxInFlight: 100, UsageFlush: 5 * time.Second,
		WebhookSchedule: []time.Duration{30 * time.Second, 150 * time.Second, 750 * time.Second, 3750 * time.Second, 18750 * time.Second},
		WebhookTimeout:  15 * time.Second, WebhooksAtOnce: 50, WebhookAtOnce: 5, LogLevel: "info", LogFormat: "text",
	}
}

func TestLoad_defaults(t *testing.T) {
	var empty []string
	for _, name := range variables(t) {
		empty = append(empty, name+"=")
	}
	for name, environ := range map[string][]string{
		"nothing set": nil, "all empty": empty, "others": {"ADDR=:1", "plotwise_ADDR=:1", "PLOTWISE_NOTHING=1", "PLOTWISE_ADDR", "=C:=1"},
	} {
		got, err := Load(environ)
		if err != nil {
			t.Errorf("%s: Load = %v, want no error", name, err)
		}
		if diff := cmp.Diff(defaults(), got); diff != "" {
			t.Errorf("%s: Load (-want +got):\n%s", name, diff)
		}
	}
}

func TestLoad_all(t *testing.T) {
	got, err := Load([]string{
		"PLOTWISE_ADDR=:1", "PLOTWISE_ADMIN_ADDR=:2", "PLOTWISE_PUBLIC_URL=https://api.example.com", "PLOTWISE_DATA_DIR=data",
		"PLOTWISE_DATABASE_URL=postgres://u:p@h/d?a=b", "PLOTWISE_DATABASE_MAX_CONNECTIONS=3", "PLOTWISE_STATEMENT_TIMEOUT=1s",
		"PLOTWISE_LOCK_TIMEOUT=2s", "PLOTWISE_TRANSACTION_IDLE_TIMEOUT=3s", "PLOTWISE_READ_TIMEOUT=4s", "PLOTWISE_WRITE_TIMEOUT=5s",
		"PLOTWISE_IDLE_TIMEOUT=6s", "PLOTWISE_SHUTDOWN_TIMEOUT=7s", "PLOTWISE_VALIDATE_RESPONSES=report", "PLOTWISE_LOG_LEVEL=debug",
		"PLOTWISE_LOG_FORMAT=json", "PLOTWISE_REDIS_URL=redis://:p@h:1/2", "PLOTWISE_TRUSTED_PROXIES=10.0.0.0/8,::1/128",
		"PLOTWISE_ADDRESS_REQUESTS_PER_MINUTE=4", "PLOTWISE_MAX_IN_FLIGHT=5", "PLOTWISE_USAGE_FLUSH_INTERVAL=8s",
		"PLOTWISE_SECRET_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8",
		"PLOTWISE_WEBHOOK_SCHEDULE=1s,2s", "PLOTWISE_WEBHOOK_TIMEOUT=3s", "PLOTWISE_WEBHOOKS_AT_ONCE=6", "PLOTWISE_WEBHOOK_AT_ONCE=7",
		"PLOTWISE_SODA_APP_TOKEN=aB3", "PLOTWISE_VALIDATOR=both", "PLOTWISE_SMTP_URL=smtp://u:p@mail.example.com:25", "PLOTWISE_MAIL_FROM=Plotwise <notices@example.com>",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Addr: ":1", AdminAddr: ":2", PublicURL: "https://api.example.com", DataDir: "data",
		DatabaseURL: "postgres://u:p@h/d?a=b", MaxConnections: 3, StatementTimeout: time.Second,
		LockTimeout: 2 * time.Second, TransactionIdle: 3 * time.Second, ReadTimeout: 4 * time.Second, WriteTimeout: 5 * time.Second,
		IdleTimeout: 6 * time.Second, ShutdownTimeout: 7 * time.Second, ValidateResponses: "report", Validator: "both", LogLevel: "debug", LogFormat: "json",
		RedisURL: "redis://:p@h:1/2", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		SecretKey: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", WebhookAllowNets: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		WebhookSchedule: []time.Duration{time.Second, 2 * time.Second}, WebhookTimeout: 3 * time.Second, WebhooksAtOnce: 6, WebhookAtOnce: 7,
		AddressRequests: 4, MaxInFlight: 5, UsageFlush: 8 * time.Second, SODAToken: "aB3",
		SMTPURL: "smtp://u:p@mail.example.com:25", MailFrom: "Plotwise <notices@example.com>",
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestLoad_edges(t *testing.T) {
	for _, pair := range []string{
		"PLOTWISE_DATABASE_MAX_CONNECTIONS=2", "PLOTWISE_DATABASE_MAX_CONNECTIONS=1000", "PLOTWISE_LOCK_TIMEOUT=1ns",
		"PLOTWISE_PUBLIC_URL=http://localhost:8080", "PLOTWISE_VALIDATE_RESPONSES=off", "PLOTWISE_LOG_LEVEL=error",
	} {
		if _, err := Load([]string{pair}); err != nil {
			t.Errorf("Load(%s) = %v, want no error", pair, err)
		}
	}
}

func TestLoad_refuses(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"PLOTWISE_DATABASE_URL", "mysql://u:p@h/d", "want a URL such as postgres://user:password@host:5432/database"},
		{"PLOTWISE_DATABASE_MAX_CONNECTIONS", "many", `want a value of type int, such as 20 or 15s: strconv.ParseInt: parsing "many": invalid syntax`},
		{"PLOTWISE_DATABASE_MAX_CONNECTIONS", "1", "want 2 to 1000, not 1"},
		{"PLOTWISE_DATABASE_MAX_CONNECTIONS", "1001", "want 2 to 1000, not 1001"},
		{"PLOTWISE_PUBLIC_URL", "api.example.com", "want a URL such as https://api.example.com"},
		{"PLOTWISE_PUBLIC_URL", "ftp://api.example.com", "want a URL such as https://api.example.com"},
		{"PLOTWISE_PUBLIC_URL", "https://", "want a URL such as https://api.example.com"},
		{"PLOTWISE_PUBLIC_URL", "https://api.example.com/?a=b", "want a URL such as https://api.example.com"},
		{"PLOTWISE_PUBLIC_URL", "https://api.example.com/#a", "want a URL such as https://api.example.com"},
		{"PLOTWISE_PUBLIC_URL", "https://me@api.example.com", "want a URL such as https://api.example.com"},
		{"PLOTWISE_PUBLIC_URL", "https://a b", "want a URL such as https://api.example.com"},
		{"PLOTWISE_VALIDATE_RESPONSES", "on", `"on" is none of enforce, report, off`},
		{"PLOTWISE_LOG_LEVEL", "INFO", `"INFO" is none of debug, info, warn, error`},
		{"PLOTWISE_REDIS_URL", "localhost:6379", "want a URL such as redis://localhost:6379"},
		{"PLOTWISE_TRUSTED_PROXIES", "10.0.0.1", `want a value of type []netip.Prefix, such as 10.0.0.0/8,192.0.2.7/32: netip.ParsePrefix("10.0.0.1"): no '/'`},
		{"PLOTWISE_SECRET_KEY", "c2hvcnQ=", "want base64 of 32 random bytes, as openssl rand -base64 32 prints: it is base64 of 5 bytes"},
		{"PLOTWISE_MAX_IN_FLIGHT", "0", "want 1 to 1,000,000, not 0"},
		{"PLOTWISE_ADDRESS_REQUESTS_PER_MINUTE", "-1", "want 1 to 1,000,000, not -1"},
		{"PLOTWISE_USAGE_FLUSH_INTERVAL", "0s", "want a time over zero, not 0s"},
		{"PLOTWISE_SODA_APP_TOKEN", "aB 3", "want letters and digits only, without spaces"},
		{"PLOTWISE_MAIL_FROM", "notices", "want an address such as notices@example.com, or Plotwise <notices@example.com>"},
		{"PLOTWISE_LOG_FORMAT", "xml", `"xml" is none of text, json`},
	} {
		_, err := Load([]string{c.name + "=" + c.value})
		if want := c.name + ": " + c.want; err == nil || err.Error() != want {
			t.Errorf("Load(%s=%s) = %v, want %s", c.name, c.value, err, want)
		}
	}
}

func TestLoad_refusesTimes(t *testing.T) {
	for _, name := range variables(t) {
		if !strings.HasSuffix(name, "_TIMEOUT") {
			continue
		}
		for value, want := range map[string]string{
			"0s": name + ": want a time over zero, not 0s", "-1s": name + ": want a time over zero, not -1s",
			"15": name + `: want a value of type time.Duration, such as 20 or 15s: unable to parse duration: time: missing unit in duration "15"`,
		} {
			if _, err := Load([]string{name + "=" + value}); err == nil || err.Error() != want {
				t.Errorf("Load(%s=%s) = %v, want %s", name, value, err, want)
			}
		}
	}
}

// A server to send mails by needs an address that they come from, and its password is not shown.
func TestLoad_refusesMail(t *testing.T) {
	const from, server = "PLOTWISE_MAIL_FROM=notices@example.com", "PLOTWISE_SMTP_URL: want a URL such as smtp://user:password@mail.example.com:587, or smtps://… for TLS from the start"
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{[]string{"PLOTWISE_SMTP_URL=smtp://mail.example.com"}, "PLOTWISE_MAIL_FROM: want an address such as notices@example.com, or Plotwise <notices@example.com>"},
		{[]string{"PLOTWISE_SMTP_URL=https://mail.example.com", from}, server},
		{[]string{"PLOTWISE_SMTP_URL=smtp://u:hush%@mail.example.com", from}, server},
		{[]string{"PLOTWISE_SMTP_URL=smtp://u:hush@mail example.com", from}, server},
		{[]string{"PLOTWISE_SMTP_URL=smtp://hush@mail.example.com", from}, "PLOTWISE_SMTP_URL: want a user and a password, or neither"},
	} {
		if _, err := Load(c.environ); err == nil || err.Error() != c.want {
			t.Errorf("Load(%q) = %v, want %s", c.environ, err, c.want)
		}
	}
}

func TestLoad_refusesEach(t *testing.T) {
	for _, environ := range [][]string{
		{"PLOTWISE_READ_TIMEOUT=soon", "PLOTWISE_DATABASE_MAX_CONNECTIONS=many", "PLOTWISE_IDLE_TIMEOUT=late"},
		{"PLOTWISE_READ_TIMEOUT=0s", "PLOTWISE_LOG_LEVEL=loud", "PLOTWISE_PUBLIC_URL=api"},
	} {
		_, err := Load(environ)
		if err == nil || strings.Count(err.Error(), "\n") != len(environ)-1 {
			t.Errorf("Load(%q) = %v, want %d lines", environ, err, len(environ))
			continue
		}
		for _, pair := range environ {
			if name, _, _ := strings.Cut(pair, "="); !strings.Contains(err.Error(), name+": ") {
				t.Errorf("Load(%q) = %v, want it to name %s", environ, err, name)
			}
		}
	}
}

func TestNamed_everyField(t *testing.T) {
	names := variables(t)
	for i, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		err := named(env.AggregateError{Errors: []error{env.ParseError{Name: field.Name, Type: field.Type, Err: errors.New("no")}}})
		example := "20 or 15s"
		if field.Name == "TrustedProxies" || field.Name == "WebhookAllowNets" {
			example = "10.0.0.0/8,192.0.2.7/32"
		}
		want := names[i] + ": want a value of type " + field.Type.String() + ", such as " + example + ": no"
		if err == nil || err.Error() != want {
			t.Errorf("named(%s) = %v, want %s", field.Name, err, want)
		}
	}
}

func TestNamed_other(t *testing.T) {
	other := errors.New("other")
	if got := named(other); !errors.Is(got, other) {
		t.Errorf("named(%v) = %v, want the same", other, got)
	}
	all := env.AggregateError{Errors: []error{other}}
	if got := named(all); got == nil || got.Error() != all.Error() {
		t.Errorf("named(%v) = %v, want the same", all, got)
	}
}

func TestVariables(t *testing.T) {
	got := map[string]Variable{}
	for _, v := range Variables() {
		got[v.Name] = v
	}
	names := variables(t)
	if len(got) != len(names) {
		t.Errorf("Variables = %d of them, want %d", len(got), len(names))
	}
	for _, name := range names {
		if got[name].Help == "" {
			t.Errorf("Variables has no help for %s", name)
		}
	}
	for _, want := range []Variable{
		{"PLOTWISE_STATEMENT_TIMEOUT", "15s", "Time that one SQL statement may take."},
		{"PLOTWISE_DATABASE_URL", "", "Postgres to use; empty: an embedded one is started in the data directory."},
	} {
		if got[want.Name] != want {
			t.Errorf("Variables has %+v, want %+v", got[want.Name], want)
		}
	}
}

// variables returns the names of all variables in the order of their fields.
func variables(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name := field.Tag.Get("env")
		if name == "" || field.Tag.Get("help") == "" {
			t.Errorf("the field %s needs a variable and a help", field.Name)
		}
		names = append(names, "PLOTWISE_"+name)
	}
	return names
}

// All URLs are made by putting a path behind it, and cookies go by its scheme.
func TestLoad_publicURL(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"https://api.example.com":       "https://api.example.com",
		"HTTPS://api.example.com:8443/": "https://api.example.com:8443",
		"http://localhost/permits//":    "http://localhost/permits",
	} {
		c, err := Load([]string{"PLOTWISE_PUBLIC_URL=" + text})
		if err != nil || c.PublicURL != want {
			t.Errorf("PublicURL of %q = %q, %v; want %q", text, c.PublicURL, err, want)
		}
	}
}
