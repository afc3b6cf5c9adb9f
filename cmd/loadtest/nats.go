package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// natsCommand is what this program is called with to be a NATS server: as a process of its own it costs neither the
// generator nor the nodes anything.
const natsCommand = "nats"

// startNATS starts a NATS server as a child of this program; its address is a URL.
func startNATS(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return launch(ctx, exec.Command(self, natsCommand), listens)
}

// serveNATS is a NATS server until ctx ends.
func serveNATS(ctx context.Context, w io.Writer) error {
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		return err
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(patience) {
		return errors.New("NATS does not start")
	}
	if _, err := fmt.Fprintf(w, "It listens on %s.\n", s.ClientURL()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
