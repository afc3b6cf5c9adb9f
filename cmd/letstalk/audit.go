package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"letstalk/store"
)

// audit is the command of that name: it proves that the audit log is what was written, and gives it away.
func audit(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("letstalk audit", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error it returns says it all
	noted := flags.String("head", "", "")
	verb := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := fmt.Fprint(stdout, auditUsage)
		return err
	case err != nil:
		return fmt.Errorf("%w; see letstalk audit -h", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unknown argument %q; see letstalk audit -h", flags.Arg(0))
	case verb == "":
		return errors.New("say what to do, verify or export; see letstalk audit -h")
	case verb != "verify" && verb != "export":
		return fmt.Errorf("unknown argument %q; see letstalk audit -h", verb)
	case verb == "export" && *noted != "":
		return errors.New("-head is for letstalk audit verify; see letstalk audit -h")
	}
	head, err := parseHead(*noted)
	if err != nil {
		return err
	}
	db, err := openWorkspace(ctx, environ)
	if err != nil {
		return err
	}
	defer db.Close() // what was recorded is durable by then
	if verb == "verify" {
		return verifyAudit(ctx, db, head, stdout)
	}
	return exportAudit(ctx, db, stdout, stderr)
}

const auditUsage = `letstalk audit reads the audit log: who was let in, what they were given, and what was done about others.

Usage: letstalk audit verify [-head N:HASH]
       letstalk audit export

  verify  prove that the log is what was written: each entry holds the hash of the one before. It prints the newest
          entry's number and hash. Note those down elsewhere: with -head they prove later that nothing up to there was
          changed, and that nothing was cut off
  export  write all entries to the standard output, the oldest first, a JSON object a line. That is recorded, too

It works while Let's Talk runs, and needs DATABASE_URL alone.
`

var headForm = regexp.MustCompile(`^([1-9][0-9]{0,17}):([0-9a-f]{64})$`)

// parseHead reads N:HASH; nothing is the zero head.
func parseHead(s string) (store.AuditHead, error) {
	if s == "" {
		return store.AuditHead{}, nil
	}
	parts := headForm.FindStringSubmatch(strings.ToLower(s))
	if parts == nil {
		return store.AuditHead{}, fmt.Errorf("-head %q is none: enter the number and hash that letstalk audit verify printed, N:HASH", s)
	}
	id, err := strconv.ParseInt(parts[1], 10, 64)
	return store.AuditHead{ID: id, Hash: parts[2]}, err
}

func verifyAudit(ctx context.Context, db store.Store, noted store.AuditHead, stdout io.Writer) error {
	head, err := db.VerifyAudit(ctx)
	if err != nil {
		return err
	}
	said := ""
	if noted.ID != 0 {
		if err := checkNoted(ctx, db, noted, head); err != nil {
			return err
		}
		said = fmt.Sprintf(" Entry %d is the one that was noted down.", noted.ID)
	}
	if head.ID == 0 {
		_, err = fmt.Fprintln(stdout, "The audit log is empty.")
		return err
	}
	_, err = fmt.Fprintf(stdout, "The audit log is whole: %s, each bound to the one before.%s\n%d:%s\n",
		count(int(head.ID), "entry", "entries"), said, head.ID, head.Hash)
	return err
}

// checkNoted reports what became of an entry noted down earlier, of a log that holds together up to its head.
func checkNoted(ctx context.Context, db store.Store, noted, head store.AuditHead) error {
	if noted.ID > head.ID {
		return fmt.Errorf("the audit log can't be trusted: it ends at entry %d, and once had an entry %d; its end was cut off, or this is a copy from before", head.ID, noted.ID)
	}
	entries, err := db.AuditEntries(ctx, store.Operator, store.AuditQuery{Before: noted.ID + 1, Limit: 1})
	switch {
	case err != nil:
		return err
	case len(entries) != 1 || entries[0].ID != noted.ID || entries[0].Hash != noted.Hash:
		return fmt.Errorf("the audit log can't be trusted: entry %d is not the one that was noted down; it or one before it was changed, and all hashes from there on made anew", noted.ID)
	}
	return nil
}

// auditLine is an entry as it is exported. All fields are always there, so that what hashes them can.
type auditLine struct {
	ID          int64           `json:"id"`
	At          string          `json:"at"`
	Kind        store.AuditKind `json:"kind"`
	ActorID     store.UserID    `json:"actor_id"`
	ActorName   string          `json:"actor_name"`
	SubjectID   store.UserID    `json:"subject_id"`
	SubjectName string          `json:"subject_name"`
	RoomID      store.RoomID    `json:"room_id"`
	RoomName    string          `json:"room_name"`
	MessageID   store.MessageID `json:"message_id"`
	LoginID     store.LoginID   `json:"login_id"`
	Address     string          `json:"address"`
	Detail      string          `json:"detail"`
	Claim       string          `json:"claim"`
	Before      string          `json:"before"`
	Hash        string          `json:"hash"`
}

// exportedTime has milliseconds, which is what the hash is about.
const exportedTime = "2006-01-02T15:04:05.000Z07:00"

func newAuditLine(e store.AuditEntry) auditLine {
	return auditLine{
		ID: e.ID, At: e.At.UTC().Format(exportedTime), Kind: e.Kind,
		ActorID: e.Actor.ID, ActorName: e.Actor.Name, SubjectID: e.Subject.ID, SubjectName: e.Subject.Name,
		RoomID: e.Room, RoomName: e.Place, MessageID: e.Message, LoginID: e.Login,
		Address: e.Address, Detail: e.Detail, Claim: e.Claim, Before: e.Before, Hash: e.Hash,
	}
}

// exportAudit writes all entries and then records that it has. A reader who goes away early has read something all the
// same, so that is recorded, too.
func exportAudit(ctx context.Context, db store.Store, stdout, stderr io.Writer) (err error) {
	// Without this the program would be killed by the signal, and nobody would record.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	defer signal.Stop(gone)

	n := 0
	out := bufio.NewWriterSize(stdout, 64<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	err = db.EachAuditEntry(ctx, func(e store.AuditEntry) error {
		n++
		return lines.Encode(newAuditLine(e))
	})
	if err == nil {
		err = out.Flush()
	}
	detail := count(n, "entry", "entries")
	if err != nil {
		detail += ", then it broke off"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if recorded := db.RecordAudit(ctx, store.AuditEntry{
		Kind: store.AuditExported, Actor: store.Person{ID: store.Operator}, Detail: detail,
	}); recorded != nil {
		return errors.Join(err, fmt.Errorf("recording the export: %w", recorded))
	}
	if err != nil {
		return fmt.Errorf("the export broke off: %w", err)
	}
	_, err = fmt.Fprintln(stderr, detail+" exported.")
	return err
}
