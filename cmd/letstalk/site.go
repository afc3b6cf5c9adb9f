package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"

	"letstalk/handlers"
	"letstalk/internal/auth"
	"letstalk/internal/config"
	"letstalk/internal/feed"
	"letstalk/internal/live"
	"letstalk/static"
	"letstalk/store"
)

// site is the site with what runs behind it.
type site struct {
	http.Handler
	hub  *live.Hub
	end  context.CancelFunc // tells the work behind it to end
	work sync.WaitGroup
}

// newSite wires the site's parts and sets them going.
func newSite(ctx context.Context, cfg config.Config, db store.Store, logger *slog.Logger) (*site, error) {
	assets, err := static.Load()
	if err != nil {
		return nil, err
	}
	head, err := db.Head(ctx)
	if err != nil {
		return nil, err
	}
	hub := live.New(live.Options{
		Position:   head,
		Boot:       rand.Text(),
		Head:       db.Head,
		Presence:   feed.Presence,
		LiveLogins: db.LiveLogins,
		Logger:     logger,
	})
	identity, err := auth.New(auth.Config{
		Issuer: cfg.Issuer, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
		Scopes: cfg.Scopes, GroupsClaim: cfg.GroupsClaim,
		BaseURL: cfg.BaseURL, Key: cfg.SessionKey[:], Idle: cfg.SessionIdle, Lifetime: cfg.SessionLifetime,
		Address: handlers.ClientAddress,
	}, db, hub.EndLogin, logger)
	if err != nil {
		hub.Close(ctx)
		return nil, err
	}
	proxies := make([]string, len(cfg.TrustedProxies))
	for i, network := range cfg.TrustedProxies {
		proxies[i] = network.String()
	}
	follow := feed.New(db, hub, func(store.Seq) {}, logger)
	behind, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &site{hub: hub, end: end, Handler: handlers.New(handlers.Options{
		Store: db, Auth: identity, Hub: hub, Feed: follow, Assets: assets, Logger: logger,
		BaseURL: cfg.BaseURL, TrustedProxies: proxies, RateLimit: cfg.RateLimit,
	})}
	s.work.Go(func() { follow.Run(behind, head) })
	s.work.Go(func() { follow.Prune(behind) })
	s.work.Go(func() {
		if err := identity.Prepare(behind); err != nil && behind.Err() == nil {
			logger.Warn("the identity provider can't be reached yet; each sign-in tries again", "issuer", cfg.Issuer, "error", err)
		}
	})
	return s, nil
}

// close tells the streams and ends them, those that are stalled when ctx ends; then the feed. A message posted meanwhile
// is kept, and its readers get it when they come back.
func (s *site) close(ctx context.Context) {
	s.hub.Close(ctx)
	s.end()
	s.work.Wait()
}
