package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nginx is the real one, with the configuration that we document.
type nginx struct {
	t      *testing.T
	dir    string
	listen string
	trust  *x509.CertPool // who signed its certificate
	cmd    *exec.Cmd
	says   syncBuffer
	ended  chan error // how it ended, once

	stopped bool
}

// startNginx runs nginx in front of nodes, which people know by the address base.
func startNginx(t *testing.T, base string, nodes []string) *nginx {
	t.Helper()
	n := &nginx{t: t, dir: t.TempDir(), listen: freeAddress(t), ended: make(chan error, 1)}
	n.trust = certify(t, n.path("cert.pem"), n.path("key.pem"))
	n.write("letstalk.conf", n.documented(base, nodes))
	n.write("nginx.conf", n.around())
	n.cmd = exec.Command(nginxProgram(), "-e", n.path("log"), "-p", n.dir, "-c", n.path("nginx.conf"))
	n.cmd.Stderr = &n.says
	// In a group of its own, Ctrl-C in a terminal does not end it before those who still use it.
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { n.ended <- n.cmd.Wait() }()
	t.Cleanup(n.stop)
	n.ready()
	return n
}

func nginxProgram() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx" // where Debian has it, which not everybody's PATH has
}

func (n *nginx) path(name string) string { return filepath.Join(n.dir, name) }

func (n *nginx) write(name, text string) {
	n.t.Helper()
	if err := os.WriteFile(n.path(name), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// documented is the configuration of the documentation with the addresses and files of this test; nothing else differs.
func (n *nginx) documented(base string, nodes []string) string {
	n.t.Helper()
	text, err := os.ReadFile("../../docs/nginx/letstalk.conf")
	if err != nil {
		n.t.Fatal(err)
	}
	conf := string(text)
	replace := func(old, with string) {
		if !strings.Contains(conf, old) {
			n.t.Fatalf("docs/nginx/letstalk.conf no longer has %q", old)
		}
		conf = strings.ReplaceAll(conf, old, with)
	}
	for i, node := range nodes {
		replace(fmt.Sprintf(" 10.0.0.1%d:8080 ", i+1), " "+node+" ")
	}
	plain := freeAddress(n.t)
	replace("listen 80;", "listen "+plain+";")
	replace("listen [::]:80;", "") // a machine need not have IPv6
	replace("listen 443 ssl http2;", "listen "+n.listen+" ssl http2;")
	replace("listen [::]:443 ssl http2;", "")
	replace("/etc/letsencrypt/live/chat.example.org/fullchain.pem", n.path("cert.pem"))
	replace("/etc/letsencrypt/live/chat.example.org/privkey.pem", n.path("key.pem"))
	replace("https://chat.example.org$request_uri", base+"$request_uri")
	replace("server_name chat.example.org;", "server_name localhost;")
	return conf
}

// around is nginx.conf. Answers tell which nodes were asked.
func (n *nginx) around() string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user www-data;\n"
	}
	return user + `worker_processes 2;
daemon off;
pid ` + n.path("pid") + `;
error_log ` + n.path("log") + ` info;
events { worker_connections 4096; }
http {
	access_log off;
	client_body_temp_path ` + n.path("body") + `;
	proxy_temp_path ` + n.path("proxy") + `;
	fastcgi_temp_path ` + n.path("fastcgi") + `;
	uwsgi_temp_path ` + n.path("uwsgi") + `;
	scgi_temp_path ` + n.path("scgi") + `;
	add_header ` + askedHeader + ` $upstream_addr always;
	include ` + n.path("letstalk.conf") + `;
}
`
}

// askedHeader names the nodes that nginx asked before it answered, with commas between.
const askedHeader = "X-Asked"

// ready waits until nginx takes connections.
func (n *nginx) ready() {
	n.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		conn, err := net.Dial("tcp", n.listen)
		if err == nil {
			conn.Close()
			return
		}
		if len(n.ended) > 0 || time.Now().After(deadline) {
			n.t.Fatalf("nginx does not start: %s", n.says.String())
		}
	}
}

// reload has nginx read its configuration again, as nginx -s reload does.
func (n *nginx) reload() error { return n.cmd.Process.Signal(syscall.SIGHUP) }

// stop ends nginx and all connections.
func (n *nginx) stop() {
	if n.stopped {
		return
	}
	n.stopped = true
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-n.ended; err != nil {
		n.t.Errorf("nginx ended with %v: %s\n%s", err, n.says.String(), n.log())
	}
}

// log is the end of what it wrote.
func (n *nginx) log() string {
	text, err := os.ReadFile(n.path("log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// certify writes a certificate for localhost that signs itself, and returns who has to be trusted for it.
func certify(t *testing.T, cert, key string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	shown := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
	for path, text := range map[string][]byte{
		cert: shown,
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(shown)
	return trust
}
