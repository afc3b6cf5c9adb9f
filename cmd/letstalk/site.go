package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"letstalk/handlers"
	"letstalk/internal/auth"
	"letstalk/internal/cluster"
	"letstalk/internal/config"
	"letstalk/internal/feed"
	"letstalk/internal/live"
	"letstalk/static"
	"letstalk/store"
)

// tellFrom is how often somebody has to do something within a minute for the other nodes to be told: a tenth of the limits.
const tellFrom = 12

// site is the site with what runs behind it.
type site struct {
	http.Handler
	hub   *live.Hub
	bus   *cluster.Bus  // nil if there is none
	node  *cluster.Node // nil if this is the only one
	tally *cluster.Tally
	end   context.CancelFunc // tells the work behind it to end
	work  sync.WaitGroup
}

// newSite wires the site's parts and sets them going.
func newSite(ctx context.Context, cfg config.Config, db store.Store, logger *slog.Logger) (_ *site, err error) {
	assets, err := static.Load()
	if err != nil {
		return nil, err
	}
	head, err := db.Head(ctx)
	if err != nil {
		return nil, err
	}
	node := rand.Text() // of this run of the program
	hub := live.New(live.Options{
		Position:   head,
		Boot:       node,
		Head:       db.Head,
		Presence:   feed.Presence,
		LiveLogins: db.LiveLogins,
		Logger:     logger,
	})
	s := &site{hub: hub, end: func() {}}
	defer func() {
		if err != nil {
			s.close(ctx)
		}
	}()
	identity, err := auth.New(auth.Config{
		Issuer: cfg.Issuer, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
		Scopes: cfg.Scopes, Params: cfg.Params, Policy: cfg.Policy,
		BaseURL: cfg.BaseURL, Key: cfg.SessionKey[:], Idle: cfg.SessionIdle, Lifetime: cfg.SessionLifetime,
		Recheck: cfg.SessionRecheck, InUse: hub.Logins, Tell: func(id store.LoginID) { s.bus.LoginEnded(id) },
		Address: handlers.ClientAddress,
	}, db, hub.EndLogin, logger)
	if err != nil {
		return nil, err
	}
	follow := feed.New(db, hub, func(seq store.Seq) { s.bus.Committed(seq) }, logger)
	if err := s.join(cfg, db, follow, node, logger); err != nil {
		return nil, err
	}
	proxies := make([]string, len(cfg.TrustedProxies))
	for i, network := range cfg.TrustedProxies {
		proxies[i] = network.String()
	}
	s.Handler = handlers.New(handlers.Options{
		Store: db, Auth: identity, Hub: hub, Feed: follow, Bus: s.bus, Assets: assets, Logger: logger,
		BaseURL: cfg.BaseURL, TrustedProxies: proxies, RateLimit: cfg.RateLimit, Policy: cfg.Policy, Tally: s.tally,
	})
	behind, end := context.WithCancel(context.WithoutCancel(ctx))
	s.end = end
	s.work.Go(func() { follow.Run(behind, head) })
	s.work.Go(func() { follow.Prune(behind) })
	s.work.Go(func() { identity.Watch(behind) })
	if s.node != nil {
		logger.Info("this is one node of those that share the database", "node", node, "workspace", db.Workspace())
		s.work.Go(func() { s.node.Run(behind) })
	}
	s.work.Go(func() {
		if err := identity.Prepare(behind); err != nil && behind.Err() == nil {
			logger.Warn("the identity provider can't be reached yet; each sign-in tries again", "issuer", cfg.Issuer, "error", err)
		}
	})
	return s, nil
}

// join makes this node one of several, if the store can be shared. What others tell by the bus, if there is one, is a
// reason to look, no more.
func (s *site) join(cfg config.Config, db store.Store, follow *feed.Feed, node string, logger *slog.Logger) error {
	if !db.Shared() {
		return nil
	}
	s.tally = cluster.NewTally(tellFrom)
	s.node = cluster.NewNode(cluster.NodeConfig{
		Name: node, Nodes: db, Hub: s.hub, Told: func() { s.bus.Beaten() }, Tally: s.tally, Logger: logger,
	})
	if cfg.NATSURL == "" {
		return nil
	}
	bus, err := cluster.Connect(cluster.BusConfig{
		URL: cfg.NATSURL, Credentials: cfg.NATSCredentials, CA: cfg.NATSCA,
		Workspace: db.Workspace(), Node: node, Logger: logger,
		Hints: cluster.Hints{
			Committed: func(seq store.Seq) {
				if seq > s.hub.Position() {
					follow.Wake()
				}
			},
			Beaten:     s.node.Look,
			LoginEnded: func(id store.LoginID) { s.endIfOver(db, id) },
			Connected: func() {
				follow.Wake()
				s.node.Look()
			},
		},
	})
	s.bus = bus
	return err
}

// endIfOver ends the streams of a login that another node is said to have ended. If that can't be found out now, the hub's
// next look at all its logins will.
func (s *site) endIfOver(db store.Store, id store.LoginID) {
	db.Outdate()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if live, err := db.LiveLogins(ctx, []store.LoginID{id}); err == nil && len(live) == 0 {
		s.hub.EndLogin(id)
	}
}

// close tells the streams and ends them, those that are stalled when ctx ends; then the feed. A message posted meanwhile
// is kept, and its readers get it when they come back.
func (s *site) close(ctx context.Context) {
	s.hub.Close(ctx)
	s.end()
	s.work.Wait()
	s.bus.Close() // last, so that the other nodes hear of what was committed last
}
