# make run      serve with the development provider        make test     prove everything
# make build    bin/letstalk                               make bench    measure

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
TEMPL   := $(shell find views -name '*.templ')
GO      := $(shell find . -name '*.go' -not -path './static/node_modules/*' -not -name '*_templ.go')
PUBLIC  := $(shell find static/css static/js static/icons -type f)
RACE    := $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null && echo -race)

.PHONY: run build test check bench generate browser clean

run: build
	bin/letstalk -dev

build: bin/letstalk

bin/letstalk: .generated $(GO) $(PUBLIC) go.mod go.sum
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/letstalk

generate: .generated

# npm's marker is only as new as the lock file it was made from, and templ's output as its sources.
.generated: $(TEMPL) static/package.json static/package-lock.json templ.go go.mod
	go generate ./...
	@touch $@

check: .generated
	@bad=$$(gofmt -l $(GO)); if [ -n "$$bad" ]; then echo "gofmt these files:" $$bad; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

test: check browser
	go test $(RACE) ./...

# The browser tests drive a real Chromium.
browser:
	@.ci/browser

bench: build
	go test -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf bin .generated static/node_modules
	find views -name '*_templ.go' -delete
