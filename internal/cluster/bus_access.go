package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// access is what NATS_URL says, taken apart.
type access struct {
	hosts  string            // the servers without who we are there, for the log
	hidden *strings.Replacer // takes passwords and tokens out of a text
}

// readAccess reads NATS_URL. Its errors do not quote it, nor what net/url says of it: a password with a slash in it is taken
// for a host and a port.
func readAccess(list string) (access, error) {
	var hosts, hide []string
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		u, wrong := readServer(text)
		if wrong != "" {
			return access{}, fmt.Errorf("NATS_URL can't be used, because address %d in it %s: write nats://HOST:4222 or tls://HOST:4222, "+
				"several with commas between, and signs in a password or token as %%2F for / and so on", len(hosts)+1, wrong)
		}
		hosts = append(hosts, u.Host)
		for _, secret := range secrets(u.User) {
			hide = append(hide, secret, "…")
		}
	}
	if len(hosts) == 0 {
		return access{}, errors.New("NATS_URL is not set: write nats://HOST:4222 or tls://HOST:4222")
	}
	return access{hosts: strings.Join(hosts, ","), hidden: strings.NewReplacer(hide...)}, nil
}

// readServer reads the URL of one server, or returns what is wrong about it.
func readServer(text string) (u *url.URL, wrong string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, "is no URL"
	case u.Scheme != "nats" && u.Scheme != "tls":
		return nil, "begins with neither nats:// nor tls://"
	case u.Hostname() == "":
		return nil, "names no host"
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, "goes on after the port"
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || port == 0) {
		return nil, "has a port that is none"
	}
	return u, ""
}

// secrets returns what of a URL must not be shown: the password, or the token, which stands where a user would.
func secrets(user *url.Userinfo) []string {
	secret, ok := user.Password()
	if !ok {
		secret = user.Username()
	}
	if secret == "" {
		return nil
	}
	return []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
}

// settingError is a setting that is wrong, in words for the person who set it.
type settingError string

func (e settingError) Error() string { return string(e) }

// options returns how to connect. The files among the settings are read each time: credentials run out and are replaced.
func (c BusConfig) options() ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("letstalk " + c.Node),
		nats.NoEcho(), // a node knows what it told
		// The bus itself connects anew, because nats.go would give up on errors it does not know, keep silent about why it
		// can't connect, and hold its mutex, for which Publish waits, while it tries.
		nats.NoReconnect(),
		nats.IgnoreDiscoveredServers(), // they would be sent the password
		nats.SkipHostLookup(),          // the dialer does it, and can be interrupted
		nats.Timeout(timeout),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(maxPings),
		nats.FlusherTimeout(timeout), nats.ReconnectOnFlusherError(),
	}
	if c.CA != "" {
		pool, err := readAuthorities(c.CA)
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	}
	if c.Credentials != "" {
		credentials, err := readCredentials(c.Credentials)
		if err != nil {
			return nil, err
		}
		options = append(options, credentials)
	}
	return options, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	pem, err := readSetting("NATS_CA", path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, settingError(fmt.Sprintf("NATS_CA=%s: there is no certificate in this file; name one with PEM certificates "+
			"(-----BEGIN CERTIFICATE-----)", path))
	}
	return pool, nil
}

func readCredentials(path string) (nats.Option, error) {
	text, err := readSetting("NATS_CREDENTIALS", path)
	if err != nil {
		return nil, err
	}
	credentials := nats.UserCredentialBytes(text)
	var trial nats.Options
	if err = credentials(&trial); err == nil {
		_, err = trial.SignatureCB(nil)
	}
	if err != nil { // not quoted: what it is about is secret
		return nil, settingError(fmt.Sprintf("NATS_CREDENTIALS=%s: there are no credentials in this file; name the .creds file of a user, "+
			"as nsc generate creds writes it", path))
	}
	return credentials, nil
}

func readSetting(name, path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err
		}
		return nil, settingError(fmt.Sprintf("%s=%s: the file can't be read: %v; let this user read it or name another one", name, path, err))
	}
	return text, nil
}
