package fast

import (
	"strings"
	"testing"
)

func quoted(values ...string) []string {
	var found []string
	for _, v := range values {
		found = append(found, `"`+v+`"`)
	}
	return found
}

func TestAccepts_date(t *testing.T) {
	table{
		schema: `{"format": "date"}`,
		holds:  quoted("2026-01-23", "2024-02-29", "2000-02-29", "0000-02-29", "0000-01-01", "9999-12-31", "2026-04-30", "2026-12-31"),
		breaks: quoted("2023-02-29", "1900-02-29", "2100-02-29", "2026-02-30", "2026-04-31", "2026-00-01", "2026-13-01", "2026-01-00", "2026-01-32", "2026-1-2", "26-01-02", "20260102",
			"2026-01-23T00:00:00Z", "2026/01/23", "", " 2026-01-23", "2026-01-23 ", "-026-01-23", "2026-01-2a", "+2026-01-23", "２０２６-01-23", "2026-0１-23"),
	}.run(t)
}

func TestAccepts_instant(t *testing.T) {
	table{
		schema: `{"format": "date-time"}`,
		holds: quoted("2026-01-23T10:45:00Z", "2026-01-23T00:00:00Z", "2026-01-23T23:59:59Z", "2026-01-23T10:45:00.5Z", "2026-01-23T10:45:00.123456789Z", "2026-01-23T10:45:00.1234567890123Z",
			"2026-01-23T10:45:00+02:00", "2026-01-23T10:45:00-00:00", "2026-01-23T10:45:00+23:59", "2026-01-23T10:45:00-23:59", "2024-02-29T10:45:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
			"0001-01-01T00:00:00+23:59", "9998-12-31T23:59:59-23:59"),
		asks: quoted("2026-01-23t10:45:00Z", "2026-01-23T10:45:00z", "2026-01-23t10:45:00z", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
		breaks: quoted("2026-01-23", "2026-01-23T10:45:00", "2026-01-23T10:45Z", "2026-01-23 10:45:00Z", "2026-01-23T24:00:00Z", "2026-01-23T23:60:00Z", "2026-01-23T10:45:61Z", "2026-01-23T10:45:60Z",
			"2026-02-29T10:45:00Z", "2026-01-23T10:45:00.Z", "2026-01-23T10:45:00,5Z", "2026-01-23T10:45:00+24:00", "2026-01-23T10:45:00-24:00", "2026-01-23T10:45:00+02:60", "2026-01-23T10:45:00+0200",
			"2026-01-23T10:45:00+02", "2026-01-23T10:45:00ZZ", "2026-01-23T10:45:00Z+02:00", "2026-01-23T1:45:00Z", "2026-01-23T10:45:00 Z", "2026-01-23T-1:45:00Z", "2026-01-23T10:45:00+-2:00", "",
			"2026-01-23T10:45:00.5", "2026-01-23T10:45:0é", "10000-01-01T00:00:00Z"),
	}.run(t)
}

func TestAccepts_uuid(t *testing.T) {
	const id = "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"
	table{
		schema: `{"format": "uuid"}`,
		holds:  quoted(id, strings.ToUpper(id), "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
		breaks: quoted("", "42", id[1:], id+"0", "{"+id+"}", "urn:uuid:"+id, strings.ReplaceAll(id, "-", ""), strings.Replace(id, "a", "g", 1), strings.Replace(id, "-", "0", 1), strings.Replace(id, "0", "-", 1),
			"01980a3-c5e00-7d21-8f4e-2b6f1c9a7e10", "01980a3c-5e00-7d21-8f4e-2b6f1c9a7é", " "+id[1:], id[:35]+"٣"),
	}.run(t)
}

func TestAccepts_url(t *testing.T) {
	table{
		schema: `{"format": "uri"}`,
		holds: quoted("https://example.com", "http://example.com/", "https://example.com:8443/a/b?c=d&e=f", "https://a", "https://a-b.c1/", "https://10.0.0.1/x", "https://example.com?x", "https://example.com/~a/(b)!$'*+,;=:@",
			"https://example.com:99999/", "https://example.com/a#b", "https://a#", "https://a?b#/c?d", "https://EXAMPLE.com", `https:\/\/example.com\/a`, `https://example.com/\u0061`),
		asks: quoted("https://example.com/a#b#c", "https://example.com/#%20", "https://example.com/%20", "https://[::1]/", "ftp://example.com", "mailto:a@example.com", "urn:x:y", "HTTPS://example.com", "https://é.example", "https://example.com/é",
			"https://user@example.com", "https://a_b.example", "https://example.com.", "https://example.com:/", "https:", "https://", "https:///a", "https://-a.example", "https://a..b", "https://"+strings.Repeat("a", 64)+".example"),
		breaks: quoted("", "example.com", "/a", "//example.com", "https://example.com/%", "https://example.com/%zz", "https://example.com:x/", "https://exa mple.com", ":", "https://[::1", `https://example.com/\n`, "https://::1/",
			"https://example.com:-1/"),
	}.run(t)
}

func TestAccepts_email(t *testing.T) {
	label := strings.Repeat("a", 63)
	table{
		schema: `{"format": "email"}`,
		holds: quoted("a@b", "a@example.com", "a.b+c_d-e@sub.example.com", "A1@1.example", strings.Repeat("a", 64)+"@b", "a@"+label+".example",
			"a@"+strings.Join([]string{label, label, label, strings.Repeat("a", 60)}, ".")),
		asks: quoted("a!b@example.com", "a#$%&'*/=?^`{|}~@b", `\"a b\"@example.com`, "a@[127.0.0.1]", "a@[IPv6:::1]", "a@example.com.", "@example.com"),
		breaks: quoted("", "a", "a@", "a@@b", "a@b@c", ".a@b", "a.@b", "a..b@c", "a b@c", "a@b c", "a@-b", "a@b-", "a@b..c", "a@.b", "é@b", "a@é", "a@b_c", strings.Repeat("a", 65)+"@b",
			"a@"+label+"a.example", strings.Repeat("a", 62)+"@"+strings.Join([]string{label, label, label}, ".")+".aa"),
	}.run(t)
}

func TestAccepts_addresses(t *testing.T) {
	table{
		schema: `{"format": "ipv4"}`, holds: quoted("0.0.0.0", "127.0.0.1", "255.255.255.255"), asks: quoted("1.2.3.+4", "1.2.3.-0"),
		breaks: quoted("", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.04", "1.2.3.", ".1.2.3", "1..2.3", "a.b.c.d", "1.2.3.4 ", "::1", "1.2.3.1000", "١.2.3.4"),
	}.run(t)
	table{
		schema: `{"format": "ipv6"}`, holds: quoted("::", "::1", "2001:db8::8a2e:370:7334", "::ffff:192.0.2.1", "FE80::1", "1:2:3:4:5:6:7:8"),
		breaks: quoted("", "1.2.3.4", ":", ":::", "1::2::3", "fe80::1%eth0", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::12345", "[::1]", "::1 ", "::g", "::01.2.3.4", strings.Repeat("1:", 30)),
	}.run(t)
}
