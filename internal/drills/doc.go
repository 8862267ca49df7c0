// Package drills shows on the real program, on a real Postgres and a real Redis, what is promised of keys, limits, usage
// and stopping: revocation within a second, limits over processes, counts that match the log, secrets that stay secret;
// that its audit of deliveries finds what is lost; that no delivery is, whatever is killed, that a receiver that hangs holds
// up no other, that of what a city changes each webhook is told, once, and that webhooks go by no proxy.
package drills
