// Package config reads the environment, once, and checks it.
package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/smtp"
)

// Config is the configuration of the server: environment variables, each with its default.
type Config struct {
	Addr              string          `env:"ADDR" envDefault:":8080" help:"Address that the API listens on."`
	AdminAddr         string          `env:"ADMIN_ADDR" envDefault:"127.0.0.1:8081" help:"Address of /metrics and pprof; keep it private. none: neither is served."`
	PublicURL         string          `env:"PUBLIC_URL" help:"URL under which clients reach the API; put first in the served specification."`
	DataDir           string          `env:"DATA_DIR" envDefault:".plotwise" help:"Directory of the embedded Postgres and the demo key."`
	DatabaseURL       string          `env:"DATABASE_URL" help:"Postgres to use; empty: an embedded one is started in the data directory."`
	MaxConnections    int             `env:"DATABASE_MAX_CONNECTIONS" envDefault:"20" help:"Connections to Postgres at most."`
	StatementTimeout  time.Duration   `env:"STATEMENT_TIMEOUT" envDefault:"15s" help:"Time that one SQL statement may take."`
	LockTimeout       time.Duration   `env:"LOCK_TIMEOUT" envDefault:"5s" help:"Time that a statement may wait for a lock."`
	TransactionIdle   time.Duration   `env:"TRANSACTION_IDLE_TIMEOUT" envDefault:"30s" help:"Time that a transaction may sit idle."`
	ReadTimeout       time.Duration   `env:"READ_TIMEOUT" envDefault:"15s" help:"Time that a client may take to send a request."`
	WriteTimeout      time.Duration   `env:"WRITE_TIMEOUT" envDefault:"60s" help:"Time until an answer must be sent."`
	IdleTimeout       time.Duration   `env:"IDLE_TIMEOUT" envDefault:"120s" help:"Time that a kept connection may sit idle."`
	ShutdownTimeout   time.Duration   `env:"SHUTDOWN_TIMEOUT" envDefault:"30s" help:"Time that requests get to finish after SIGTERM."`
	ValidateResponses string          `env:"VALIDATE_RESPONSES" envDefault:"enforce" help:"What becomes of an answer that breaks the specification: enforce (a 500 instead), report (sent, and logged) or off (not checked)."`
	Validator         string          `env:"VALIDATOR" envDefault:"fast" help:"What holds requests and answers against the specification: fast (one pass over the bytes, and libopenapi-validator for what that is not sure of), authority (libopenapi-validator alone, several times slower) or both (for tests: an error when they disagree)."`
	RedisURL          string          `env:"REDIS_URL" help:"Redis that holds the rate limits for several processes, such as redis://localhost:6379; empty: each process limits on its own."`
	TrustedProxies    []netip.Prefix  `env:"TRUSTED_PROXIES" help:"Networks of proxies whose X-Forwarded-For is believed, with commas between; empty: none."`
	AddressRequests   int             `env:"ADDRESS_REQUESTS_PER_MINUTE" envDefault:"300" help:"Requests a minute from one address without a valid API key."`
	MaxInFlight       int             `env:"MAX_IN_FLIGHT" envDefault:"100" help:"Requests of one organization under way at once in this process."`
	UsageFlush        time.Duration   `env:"USAGE_FLUSH_INTERVAL" envDefault:"5s" help:"How often counted requests go to the database; so much is lost when a process is killed."`
	SODAToken         string          `env:"SODA_APP_TOKEN" help:"App token that open-data portals (Socrata) are asked with; they let in more requests with one."`
	SecretKey         string          `env:"SECRET_KEY" help:"Key under which webhook secrets are stored, base64 of 32 bytes; empty: one is made in the data directory, with an embedded Postgres."`
	WebhookAllowNets  []netip.Prefix  `env:"WEBHOOK_ALLOW_NETS" help:"Networks in which webhooks may be at any port and without TLS, with commas between; for development."`
	WebhookSchedule   []time.Duration `env:"WEBHOOK_SCHEDULE" envDefault:"30s,150s,750s,3750s,18750s" help:"Waits before the retries of a delivery, each ±20 %, with commas between."`
	WebhookTimeout    time.Duration   `env:"WEBHOOK_TIMEOUT" envDefault:"15s" help:"Time that a webhook may take to answer."`
	WebhooksAtOnce    int             `env:"WEBHOOKS_AT_ONCE" envDefault:"50" help:"Requests to webhooks under way at once in this process."`
	WebhookAtOnce     int             `env:"WEBHOOK_AT_ONCE" envDefault:"5" help:"Requests to one webhook under way at once, of all processes together."`
	SMTPURL           string          `env:"SMTP_URL" help:"SMTP server that mails are sent by, smtp://user:password@host:587 (with STARTTLS) or smtps://…; empty: they go to the log."`
	MailFrom          string          `env:"MAIL_FROM" help:"Address that mails come from, such as Plotwise <notices@example.com>; needed with SMTP_URL."`
	LogLevel          string          `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error."`
	LogFormat         string          `env:"LOG_FORMAT" envDefault:"text" help:"text or json."`
}

// NoAdmin is the AdminAddr of a server without /metrics and pprof. An empty variable means its default, like an unset one.
const NoAdmin = "none"

// prefix starts the name of every variable.
const prefix = "PLOTWISE_"

// Load reads the variables and returns every one that does not hold what it should.
func Load(environ []string) (Config, error) {
	values := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			values[name] = value
		}
	}
	c, err := env.ParseAsWithOptions[Config](env.Options{Prefix: prefix, Environment: values})
	if err != nil {
		return c, named(err)
	}
	if u, err := url.Parse(c.PublicURL); err == nil { // which is checked below
		c.PublicURL = strings.TrimRight(u.String(), "/") // with its scheme in lower case
	}
	return c, c.check()
}

// Variable is a variable of the environment as people read of it.
type Variable struct {
	Name    string
	Default string // "" when there is none
	Help    string
}

// Variables returns every variable, in the order of Config.
func Variables() []Variable {
	var found []Variable
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		found = append(found, Variable{Name: prefix + f.Tag.Get("env"), Default: f.Tag.Get("envDefault"), Help: f.Tag.Get("help")})
	}
	return found
}

// named says which variable cannot be read, rather than which field.
func named(err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	params, paramsErr := env.GetFieldParamsWithOptions(&Config{}, env.Options{Prefix: prefix})
	if paramsErr != nil {
		return err
	}
	fields := reflect.TypeFor[Config]() // in the order of params
	var found []error
	for _, e := range all.Errors {
		var parse env.ParseError
		if !errors.As(e, &parse) {
			return err
		}
		for i, p := range params {
			if fields.Field(i).Name == parse.Name {
				found = append(found, fmt.Errorf("%s: want a value of type %s, such as %s: %w", p.Key, parse.Type, example(parse.Type), parse.Err))
			}
		}
	}
	return errors.Join(found...)
}

// example returns values of a type.
func example(t reflect.Type) string {
	if t == reflect.TypeFor[[]netip.Prefix]() {
		return "10.0.0.0/8,192.0.2.7/32"
	}
	return "20 or 15s"
}

func (c Config) check() error {
	var found []error
	oneOf := func(name, value string, allowed ...string) {
		for _, a := range allowed {
			if value == a {
				return
			}
		}
		found = append(found, fmt.Errorf("%s%s: %q is none of %s", prefix, name, value, strings.Join(allowed, ", ")))
	}
	oneOf("VALIDATE_RESPONSES", c.ValidateResponses, "enforce", "report", "off")
	oneOf("VALIDATOR", c.Validator, "fast", "authority", "both")
	oneOf("LOG_LEVEL", c.LogLevel, "debug", "info", "warn", "error")
	oneOf("LOG_FORMAT", c.LogFormat, "text", "json")
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.User != nil || u.RawQuery+u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") {
			found = append(found, fmt.Errorf("%sPUBLIC_URL: want a URL such as https://api.example.com", prefix))
		}
	}
	if scheme, _, ok := strings.Cut(c.DatabaseURL, "://"); ok && scheme != "postgres" && scheme != "postgresql" && !strings.Contains(scheme, "=") { // which has keywords
		found = append(found, fmt.Errorf("%sDATABASE_URL: want a URL such as postgres://user:password@host:5432/database", prefix)) // and keep the password out of sight
	}
	if c.MaxConnections < 2 || c.MaxConnections > 1000 {
		found = append(found, fmt.Errorf("%sDATABASE_MAX_CONNECTIONS: want 2 to 1000, not %d", prefix, c.MaxConnections))
	}
	if _, err := secret.Parse(c.SecretKey); err != nil && c.SecretKey != "" {
		found = append(found, fmt.Errorf("%sSECRET_KEY: %w", prefix, err))
	}
	for name, n := range map[string]int{"ADDRESS_REQUESTS_PER_MINUTE": c.AddressRequests, "MAX_IN_FLIGHT": c.MaxInFlight, "WEBHOOKS_AT_ONCE": c.WebhooksAtOnce, "WEBHOOK_AT_ONCE": c.WebhookAtOnce} {
		if n < 1 || n > 1_000_000 {
			found = append(found, fmt.Errorf("%s%s: want 1 to 1,000,000, not %d", prefix, name, n))
		}
	}
	if u, err := url.Parse(c.RedisURL); c.RedisURL != "" && (err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme)) {
		found = append(found, fmt.Errorf("%sREDIS_URL: want a URL such as redis://localhost:6379", prefix)) // which may hold a password
	}
	if _, err := smtp.ParseServer(c.SMTPURL); err != nil && c.SMTPURL != "" {
		found = append(found, fmt.Errorf("%sSMTP_URL: %w", prefix, err))
	}
	if _, err := smtp.ParseFrom(c.MailFrom); err != nil && c.SMTPURL+c.MailFrom != "" {
		found = append(found, fmt.Errorf("%sMAIL_FROM: %w", prefix, err))
	}
	if strings.ContainsFunc(c.SODAToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		found = append(found, fmt.Errorf("%sSODA_APP_TOKEN: want letters and digits only, without spaces", prefix)) // and keep it out of sight
	}
	for name, d := range map[string]time.Duration{
		"STATEMENT_TIMEOUT": c.StatementTimeout, "LOCK_TIMEOUT": c.LockTimeout, "TRANSACTION_IDLE_TIMEOUT": c.TransactionIdle,
		"READ_TIMEOUT": c.ReadTimeout, "WRITE_TIMEOUT": c.WriteTimeout, "IDLE_TIMEOUT": c.IdleTimeout, "SHUTDOWN_TIMEOUT": c.ShutdownTimeout,
		"USAGE_FLUSH_INTERVAL": c.UsageFlush, "WEBHOOK_TIMEOUT": c.WebhookTimeout,
	} {
		if d <= 0 {
			found = append(found, fmt.Errorf("%s%s: want a time over zero, not %s", prefix, name, d))
		}
	}
	return errors.Join(found...)
}
