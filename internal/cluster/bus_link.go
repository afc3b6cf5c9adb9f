package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// timeout is how long NATS may take to accept a connection, to greet, to take what is written to it and to answer a
	// ping. The kernel asks a second time for a connection after one second.
	timeout = 2 * time.Second
	// A server from which nothing comes is given up 4 to 6 s later, when the third ping in a row would have to be sent
	// unanswered.
	pingEvery = 2 * time.Second
	maxPings  = 2

	// retry is how long to wait before connecting again, up to twice that, so that not all nodes come back at once.
	retry = 250 * time.Millisecond
	// refused is what retry is for a server that answers and does not let us in: that needs a person, and it logs each try.
	refused = time.Second
	// lasting is how long a connection holds that is a good one. After shorter ones retry doubles, up to maxDoubles times.
	lasting    = 10 * time.Second
	maxDoubles = 4

	// maxWaiting and maxWaitingBytes are how much may have come from NATS and not been looked at; more is dropped.
	maxWaiting      = 10_000
	maxWaitingBytes = 8 << 20 // NATS carries up to 1 MB at a time, as it comes
)

// What the log says of troubles; meanwhile follows from all of them.
const (
	lost        = "the connection to NATS is lost"
	unreachable = "NATS can't be reached"
	unwelcome   = "NATS does not accept who this node says it is: check the user and password or token in NATS_URL, or NATS_CREDENTIALS"
	untrusted   = "NATS can't be reached safely: check the host in NATS_URL, and NATS_CA"
	forbidden   = "NATS does not allow this node to tell or hear hints: let its user publish and subscribe to letstalk.>"
	meanwhile   = "; until then new messages of other nodes take up to a second"
)

// stayConnected connects, and connects again, until ctx ends.
func (b *Bus) stayConnected(ctx context.Context) {
	said := map[string]bool{} // the troubles logged since the last connection
	var r rests
	for {
		var pause time.Duration
		began := time.Now()
		if err := b.session(ctx, said); err != nil {
			pause = b.complain(err, said)
		} else {
			pause = r.after(time.Since(began))
		}
		if !wait(ctx, pause+rand.N(pause)) {
			return
		}
	}
}

// rests says how long to wait after a connection, so that a server which throws us out at once is not busy with it and the
// log not full of it.
type rests struct{ doubles int }

// after returns how long to wait at least after a connection that lasted so long.
func (r *rests) after(lasted time.Duration) time.Duration {
	if lasted >= lasting {
		r.doubles = 0
		return retry
	}
	pause := retry << r.doubles
	r.doubles = min(r.doubles+1, maxDoubles)
	return pause
}

// session connects and returns nil when that connection or ctx is over, an error if it came to none.
func (b *Bus) session(ctx context.Context, said map[string]bool) error {
	within, end := context.WithCancel(ctx)
	defer end()
	over := make(chan struct{})
	conn, err := b.dial(within, over)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer conn.Close()
	b.conn.Store(conn)
	defer b.conn.Store(nil)
	clear(said)
	b.cfg.Logger.Info("NATS is connected", "server", conn.ConnectedAddr())
	b.in.missed()
	select {
	case <-over:
		said[unreachable] = true
		b.warn(lost, conn.LastError())
	case <-ctx.Done():
	}
	return nil
}

// dial returns a connection on which hints arrive. It ends with ctx, in whatever state it is; over is closed when it ends.
func (b *Bus) dial(ctx context.Context, over chan struct{}) (*nats.Conn, error) {
	options, err := b.cfg.options()
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect(b.cfg.URL, append(options,
		nats.SetCustomDialer(dialer{ctx}), nats.ErrorHandler(b.listen()), nats.ClosedHandler(func(*nats.Conn) { close(over) }))...)
	if err != nil {
		return nil, err
	}
	heard, err := conn.Subscribe(b.subject+"*", b.receive)
	if err == nil {
		err = heard.SetPendingLimits(maxWaiting, maxWaitingBytes)
	}
	if err == nil {
		err = conn.FlushTimeout(timeout) // NATS has taken the subscription
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// dialer makes connections that are closed when its context ends, which nothing that uses them can hold up.
type dialer struct{ ctx context.Context }

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	plain := net.Dialer{Timeout: timeout}
	conn, err := plain.DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	return conn, nil
}

// listen returns what to do about errors that do not end a connection.
func (b *Bus) listen() nats.ErrHandler {
	var once sync.Once
	return func(_ *nats.Conn, _ *nats.Subscription, err error) {
		switch {
		case errors.Is(err, nats.ErrPermissionViolation): // comes with every hint told
			once.Do(func() { b.warn(forbidden, err) })
		case errors.Is(err, nats.ErrSlowConsumer):
			b.in.missed()
		default:
			b.cfg.Logger.Debug("NATS", "error", b.plain(err))
		}
	}
}

// complain logs why there is no connection unless that has been said, and returns how long to wait at least before the next.
func (b *Bus) complain(err error, said map[string]bool) time.Duration {
	trouble, pause := classify(err)
	if !said[trouble] {
		said[trouble] = true
		b.warn(trouble, err)
	}
	return pause
}

// classify returns a trouble as a person would tell it from others, and how long to wait at least before trying again.
func classify(err error) (trouble string, pause time.Duration) {
	var setting settingError
	var slow net.Error
	switch {
	case errors.As(err, &setting):
		return setting.Error(), refused
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired):
		return unwelcome, refused
	case errors.As(err, &slow) && slow.Timeout():
		return unreachable, retry
	case errors.Is(err, nats.ErrTLS), errors.Is(err, nats.ErrSecureConnWanted):
		return untrusted, refused
	default:
		return unreachable, retry
	}
}

func (b *Bus) warn(trouble string, err error) {
	b.cfg.Logger.Warn(trouble+meanwhile, "servers", b.access.hosts, "error", b.plain(err))
}

// plain returns an error as it may be logged: part of it may be the words of whoever answers at that address.
func (b *Bus) plain(err error) string {
	text := b.access.hidden.Replace(fmt.Sprint(err))
	return text[:min(len(text), 300)]
}
