// Package outboundtest lends tests what SSRF is made of: hostile URLs, names that lead where the test says, and listeners that
// nobody may connect to.
package outboundtest

import "strings"

// Rule is one of outbound.CheckURL, as its detail has it.
type Rule struct {
	Code    string
	Message string // what would be right
}

// The rules. What unknown holds breaks none: only its address can tell, when it is dialled.
var (
	unknown     = Rule{}
	maxLength   = Rule{"maxLength", "must have at most 2048 characters"}
	uri         = Rule{"uri", "must be an absolute URL in ASCII, with all else percent-encoded (names of hosts in Punycode)"}
	credentials = Rule{"credentials", "must be without user and password: send them in a header"}
	fragment    = Rule{"fragment", "must be without a fragment"}
	shortest    = Rule{"host", "must have its IP address in the shortest form, without a zone"}
	numbers     = Rule{"host", "must have an IPv4 address as four decimal numbers without leading zeros"}
	name        = Rule{"host", "must have a DNS name, or an IP address, as host: without a dot at its end"}
	https       = Rule{"https", "must start with https://"}
	public      = Rule{"public", "must lead to a public address"}
	port        = Rule{"port", "must have port 443, 80 or 8443"}
)

// Hostile are URLs that reach inside when something reads them loosely, each with the rule that it breaks. Those that break
// none have a name, which the test has to lead inside.
var Hostile = []struct {
	URL string
	Rule
}{
	{"https://127.0.0.1/", public},
	{"https://127.0.0.1:8443/", public},
	{"https://127.255.255.254/", public},
	{"https://0.0.0.0/", public},
	{"https://0.1.2.3/", public},
	{"https://10.0.0.1/", public},
	{"https://172.16.0.1/", public},
	{"https://172.31.255.255/", public},
	{"https://192.168.1.1/", public},
	{"https://100.64.0.1/", public},
	{"https://100.100.100.200/", public}, // Alibaba's metadata
	{"https://168.63.129.16/", public},   // Azure's
	{"https://169.254.169.254/latest/meta-data/", public},
	{"https://169.254.170.2/v2/credentials", public},
	{"https://192.0.0.192/", public}, // Oracle's metadata
	{"https://192.0.2.1/", public},
	{"https://198.18.0.1/", public},
	{"https://198.51.100.1/", public},
	{"https://203.0.113.1/", public},
	{"https://224.0.0.1/", public},
	{"https://240.0.0.1/", public},
	{"https://255.255.255.255/", public},
	{"https://[::1]/", public},
	{"https://[::]/", public},
	{"https://[fe80::1]/", public},
	{"https://[fec0::1]/", public},
	{"https://[fc00::1]/", public},
	{"https://[fd00:ec2::254]/latest/meta-data/", public},
	{"https://[ff02::1]/", public},
	{"https://[64:ff9b::7f00:1]/", public},
	{"https://[64:ff9b::a9fe:a9fe]/", public},
	{"https://[64:ff9b:1::1]/", public},
	{"https://[2002:7f00:1::]/", public},
	{"https://[2001::1]/", public},
	{"https://[2001:db8::1]/", public},
	{"https://[100::1]/", public},
	{"https://[::7f00:1]/", public}, // IPv4-compatible
	{"https://localhost/", public},
	{"https://LOCALHOST/", public},
	{"https://admin.localhost/", public},
	{"https://localhost.localdomain/", public},
	{"https://printer.local/", public},
	{"https://nas.home.arpa/", public},
	{"https://postgres/", public},
	{"https://metadata/computeMetadata/v1/", public},
	{"https://metadata.google.internal/computeMetadata/v1/", public},
	{"https://ip-10-0-0-1.ec2.internal/", public},
	{"https://instance-data/latest/meta-data/", public},
	{"https://239.255.255.250/", public},
	{"https://198.19.255.255/", public},
	{"https://192.0.0.1/", public},
	{"https://192.88.99.1/", public}, // the relays of 6to4
	{"https://[fd20:ce::254]/computeMetadata/v1/", public},
	{"https://[fe80::a9fe:a9fe]/openstack/", public},
	{"https://[fdff::1]/", public},
	{"https://[febf::1]/", public},
	{"https://[ff0e::1]/", public},
	{"https://[3fff::1]/", public},
	{"https://[5f00::1]/", public},
	{"https://[2002:a00:1::]/", public},    // 10.0.0.1 by 6to4
	{"https://[2001:0:7f00:1::]/", public}, // Teredo
	{"https://[64:ff9b:1::a00:1]/", public},
	{"https://127.0.0.1:22/", public},
	{"https://127.0.0.1?@hooks.example.com/", public},
	{"https://localhost:6379/", public},
	{"https://host.docker.internal/", public},
	{"https://kubernetes.default.svc.cluster.local/", public},
	{"https://[::127.0.0.1]/", shortest},
	{"https://[::ffff:127.0.0.1]/", shortest},
	{"https://[::ffff:7f00:1]/", shortest},
	{"https://[0:0:0:0:0:ffff:7f00:0001]/", shortest},
	{"https://[0:0:0:0:0:0:0:1]/", shortest},
	{"https://[::1%25lo]/", shortest},
	{"https://[fe80::1%25eth0]/", shortest},
	{"https://[64:ff9b::10.0.0.1]/", shortest},
	{"https://[::10.0.0.1]/", shortest},
	{"https://[::ffff:10.0.0.1]/", shortest},
	{"https://[::ffff:169.254.169.254]/latest/meta-data/", shortest},
	{"https://[::ffff:0:127.0.0.1]/", shortest},
	{"https://2130706433/", numbers},
	{"https://0x7f000001/", numbers},
	{"https://0x7f.0.0.1/", numbers},
	{"https://0X7F.1/", numbers},
	{"https://0177.0.0.1/", numbers},
	{"https://017700000001/", numbers},
	{"https://127.1/", numbers},
	{"https://127.0.1/", numbers},
	{"https://127.0.0.01/", numbers},
	{"https://127.0.0.0x1/", numbers},
	{"https://1.1.1.1.127.0.0.1/", numbers},
	{"https://256.256.256.256/", numbers},
	{"https://0x/", numbers},
	{"https://127.0.0.1./", name},
	{"https://hooks.example.com./", name},
	{"https://.example.com/", name},
	{"https://hooks..example.com/", name},
	{"https://-hooks.example.com/", name},
	{"https://" + strings.Repeat("a", 64) + ".example.com/", name},
	{"https://" + strings.Repeat("a.", 126) + "com/", name},
	{"https://127.0.0.1;.example.com/", name},
	{"https://127.0.0.1,hooks.example.com/", name},
	{"https://localhost./", name},
	{"https://*.attacker.example/", name},
	{"https://./", name},
	{"https://:443/", name},
	{"https://hooks.attacker.example/", unknown},
	{"https://127.0.0.1.nip.example/", unknown},
	{"https://localhost.attacker.example/", unknown},
	{"https://a_b.attacker.example:8443/", unknown},
	{"https://kubernetes.default.svc/", unknown},
	{"https://vault.service.consul/", unknown},
	{"https://1.0.0.127.in-addr.arpa/", unknown},
	{"http://hooks.attacker.example/", https},
	{"http://127.0.0.1/", https},
	{"http://169.254.169.254/latest/meta-data/", https},
	{"//127.0.0.1/", https},
	{"file://localhost/etc/passwd", https},
	{"gopher://127.0.0.1:6379/_INFO", https},
	{"https+unix://hooks.example.com/", https},
	{"ftp://127.0.0.1/", https},
	{"ldap://127.0.0.1:389/", https},
	{"dict://127.0.0.1:11211/stats", https},
	{"wss://127.0.0.1/", https},
	{"HTTP://127.0.0.1/", https},
	{"https://user:password@127.0.0.1/", credentials},
	{"https://hooks.example.com@127.0.0.1/", credentials},
	{"https://@127.0.0.1/", credentials},
	{"https://127.0.0.1:443@hooks.attacker.example/", credentials},
	{"https://hooks.example.com%2f@127.0.0.1/", credentials},
	{"https://127.0.0.1/#.example.com", fragment},
	{"https://127.0.0.1#@hooks.example.com/", fragment},
	{"https://127.0.0.1/#", fragment},
	{"https://hooks.attacker.example:22/", port},
	{"https://hooks.attacker.example:6379/", port},
	{"https://hooks.attacker.example:0443/", port},
	{"https://hooks.attacker.example:65979/", port}, // 443 in 16 bits
	{"https://hooks.attacker.example:0/", port},
	{"https://hooks.attacker.example:25/", port},
	{"https://hooks.attacker.example:8080/", port},
	{"https://hooks.attacker.example:/", uri},
	{"https://hooks.attacker.example:-443/", uri},
	{"https://127.0.0.1\\@hooks.example.com/", uri},
	{"https:\\\\127.0.0.1/", uri},
	{"https://127.0.0.1\t/", uri},
	{"https://hooks.example.com/\r\nHost: 127.0.0.1", uri},
	{" https://127.0.0.1/", uri},
	{"https://127.0.0.1 /", uri},
	{"https://%31%32%37.0.0.1/", uri},
	{"https://①②⑦.⓪.⓪.①/", uri},
	{"https://127。0。0。1/", uri},
	{"https://löcalhost.example/", uri},
	{"https://[::1/", uri},
	{"https://[127.0.0.1]/", uri},
	{"https:127.0.0.1/", uri},
	{"https:/127.0.0.1/", uri},
	{"https:///127.0.0.1/", uri},
	{"/hooks", uri},
	{"", uri},
	{"localhost", uri},
	{"file:///etc/passwd", uri},
	{"javascript:alert(1)", uri},
	{"unix:///var/run/docker.sock", uri},
	{"https://hooks.attacker.example:443:22/", uri},
	{"https://127.0.0.1%2f.example.com/", uri},
	{"https://127.0.0.1%00.example.com/", uri},
	{"https://127.0.0.1\x00.example.com/", uri},
	{"https://127.0.0.1\u3002example.com/", uri}, // the ideographic full stop
	{"https://１２７.０.０.１/", uri},
	{"https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", uri},
	{"https://127.0.0.1\u200b/", uri},
	{"https://127.0.0.1\n.example.com/", uri},
	{"https://127.0.0.1 @hooks.example.com/", uri},
	{"https://", uri},
	{"jar:https://127.0.0.1!/", uri},
	{"data:text/plain,hook", uri},
	{"https://hooks.example.com/" + strings.Repeat("a", 2023), maxLength},
}

// Inside are addresses that nobody may be sent to: the ends of every range, and those that hold an IPv4 address of one.
var Inside = []string{
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.0", "127.0.0.1",
	"127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0",
	"192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255",
	"198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255",
	"::", "::1", "::2", "::7f00:1", "::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1",
	"2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1",
	"5f00::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ffff::1",
	"::ffff:0:0", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:7f00:1",
}
