package mails

import (
	"context"
	"log/slog"
	"net/mail"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/smtp"
)

const (
	lookEvery   = 5 * time.Second // a mailer looks for what is due
	sendTimeout = 30 * time.Second
	lease       = sendTimeout + 30*time.Second // the rest is for recording what came of it
)

// schedule has the waits before the attempts that follow one that failed: the last one is made after ten hours.
func schedule() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 25 * time.Minute, 2 * time.Hour, 8 * time.Hour}
}

// Mailer sends what is due. Any number of mailers may share a database.
type Mailer struct {
	db     *postgres.DB
	server *smtp.Server
	from   *mail.Address
	log    *slog.Logger
	now    func() time.Time
}

// NewMailer returns a Mailer that sends by the server. Without one (nil) mails go to the log instead.
func NewMailer(db *postgres.DB, server *smtp.Server, from *mail.Address, log *slog.Logger, now func() time.Time) *Mailer {
	return &Mailer{db: db, server: server, from: from, log: log, now: now}
}

// Run sends until the context ends, and then finishes the mail that is under way.
func (m *Mailer) Run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if err := m.drain(ctx); err != nil && ctx.Err() == nil {
			m.log.LogAttrs(ctx, slog.LevelWarn, "mails wait", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// drain sends one mail after the other until none is due or the context ends.
func (m *Mailer) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		j, err := claim(ctx, m.db, m.now(), m.now().Add(lease))
		if err != nil || j == nil {
			return err
		}
		if err := m.work(context.WithoutCancel(ctx), *j); err != nil {
			return err
		}
	}
	return nil
}

// job is a mail that is this mailer's to send.
type job struct {
	Mail
	Attempts int `db:"attempts"` // with this one
}

// outcome is what an attempt makes of a mail.
type outcome struct {
	state   string
	err     string     // of the attempt; "" when it succeeded
	next    *time.Time // of pending
	endedAt *time.Time // of what is not pending any more
}

// work makes an attempt and records it.
func (m *Mailer) work(ctx context.Context, j job) error {
	if m.server == nil {
		m.log.LogAttrs(ctx, slog.LevelInfo, "a mail is not sent, for there is no SMTP server", slog.String("to", j.Email),
			slog.String("subject", j.Subject), slog.String("text", j.Body))
		at := m.now()
		return finish(ctx, m.db, j, outcome{state: logged, endedAt: &at})
	}
	sending, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	o := m.outcome(j, m.server.Send(sending, m.from, smtp.Message{
		ID: j.ID.String(), Name: j.Name, Email: j.Email, Subject: j.Subject, Body: j.Body, At: j.CreatedAt,
	}))
	if o.state == failed {
		m.log.LogAttrs(ctx, slog.LevelWarn, "a mail is given up", slog.String("mail_id", j.ID.String()), slog.Int("attempts", j.Attempts), slog.String("error", o.err))
	}
	return finish(ctx, m.db, j, o)
}

// outcome says what comes after an attempt.
func (m *Mailer) outcome(j job, err error) outcome {
	now := m.now()
	waits := schedule()
	switch {
	case err == nil:
		return outcome{state: sent, endedAt: &now}
	case smtp.IsRefused(err), j.Attempts > len(waits):
		return outcome{state: failed, err: brief(err), endedAt: &now}
	}
	next := now.Add(waits[j.Attempts-1])
	return outcome{state: pending, err: brief(err), next: &next}
}

// brief returns an error as a text that Postgres can hold, not too long: a part of it may be any server's.
func brief(err error) string {
	const longest = 1000
	text := []rune(OneLine(strings.ToValidUTF8(err.Error(), "�")))
	return string(text[:min(len(text), longest)])
}
