# Let's Talk. "make" alone shows what there is to make.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
TEMPL   := $(wildcard views/*.templ)
DRAWN   := $(TEMPL:.templ=_templ.go)
GO      := $(shell find . -name node_modules -prune -o -name '*.go' -not -name '*_templ.go' -print)
PUBLIC  := $(shell find static/css static/js static/icons internal/devidp store/sqlstore/migrations -type f -not -name '*.go')
# The marks of what was generated lie where git clean takes them away along with it.
MARKS   := static/node_modules/.generated views/.generated
# What the program is compared with; the program itself needs none of it.
RIVAL   := cmd/loadtest/node_modules/.generated
# The OpenID provider that the tests sign in with.
OPENID  := internal/oidctest/node_modules/.generated
# The race detector needs cgo and a C compiler. It leaves SQLite alone, which is translated from C and would take half of
# all the time.
RACE    := $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null && echo "-race '-gcflags=modernc.org/...=-race=false -d=checkptr=0'")

# The version is set by name; asking git again fails where the folder belongs to somebody else.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help run build test chaos chaos-cluster check bench figures generate browser servers clean FORCE

help:
	@echo "make run       serve on this machine with demo accounts"
	@echo "make test      prove everything: format, vet, staticcheck, tests, browser tests"
	@echo "make chaos     crashes, dark networks and people who come and go: SEEDS=n of them, from SEED=n on"
	@echo "make chaos-cluster  the same for three nodes behind nginx, which fail, and so do PostgreSQL and NATS"
	@echo "make build     bin/letstalk"
	@echo "make check     the part of test that runs nothing"
	@echo "make bench     go benchmarks, then the program under load, against a Socket.IO server and on several nodes, twenty minutes"
	@echo "make figures   start time and idle memory"
	@echo "make generate  templ's Go files and the scripts from npm, if something changed"
	@echo "make clean     remove what was built"

run: build
	bin/letstalk -dev

build: bin/letstalk

# Without cgo the binary needs no C library of its machine.
bin/letstalk: $(MARKS) $(GO) $(PUBLIC) go.mod go.sum
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/letstalk

generate: $(MARKS)

static/node_modules/.generated: static/package.json static/package-lock.json
	go generate -run npm .
	@touch $@

$(RIVAL) $(OPENID): %/node_modules/.generated: %/package.json %/package-lock.json
	go generate -run npm ./$*
	@touch $@

views/.generated: $(TEMPL) go.mod $(if $(filter-out $(wildcard $(DRAWN)),$(DRAWN)),FORCE)
	go generate -run templ .
	@touch $@

FORCE:

check: generate
	@bad=$$(gofmt -l $(GO)); if [ -n "$$bad" ]; then echo "gofmt these files:" $$bad; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

# The browser tests start the program as a process of its own, where the race detector would see nothing. Of the others the
# longest, the store's, comes first, so that it does not run alone at the end.
test: check browser servers $(RIVAL) $(OPENID)
	go test -vet=off -timeout 10m $(RACE) $$(go list ./... | grep -v /internal/e2e | sort -r)
	go test -vet=off -timeout 8m ./internal/e2e

# Each seed is a plan of what goes wrong, and can be had again: make chaos SEED=17 SEEDS=1. With SEEDS=0 it is the short
# one that make test runs. The same for three nodes on one PostgreSQL and one NATS behind nginx: make chaos-cluster.
chaos: CHAOS := TestChaos
chaos-cluster: CHAOS := TestChaosOnACluster
chaos chaos-cluster: generate browser servers
	go test -vet=off -v -timeout 3h ./internal/e2e -run '^$(CHAOS)$$' -args -chaos.seeds=$(or $(SEEDS),10) -chaos.seed=$(or $(SEED),1)

browser servers:
	@.ci/$@

bench: build servers $(RIVAL)
	go test -vet=off -run '^$$' -bench . -benchmem $$(go list ./... | grep -v /internal/e2e)
	go run ./cmd/loadtest bench -bin bin/letstalk

figures: build
	go run ./cmd/loadtest figures -bin bin/letstalk

clean:
	rm -rf bin static/node_modules cmd/loadtest/node_modules internal/oidctest/node_modules views/.generated views/*_templ.go
