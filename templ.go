// Package letstalk is team chat that an organisation runs itself and enters with the accounts it already has. The program
// is in cmd/letstalk; this file only knows how the generated parts are made.
package letstalk

//go:generate npm ci --prefix static --no-audit --no-fund --loglevel=error
//go:generate go tool templ generate
