// Burdock runs the demo, and shows what state-machine applications have done and where they stand. It reads the SQLite
// database in which they are saved:
//
//	burdock demo     review a Git repository: an application with thousands of branches
//	burdock ls       list applications
//	burdock show     tell what one has done: steps, branches, state
//	burdock graph    draw its graph as Mermaid
//	burdock fork     make a new one from a step of it
//	burdock answer   give a step that waits what it needs
//	burdock cancel   ask to end one
//	burdock prune    forget some
//	burdock export   write one to a file
//	burdock import   take one from a file
//	burdock testcase write a test from a step of it
//
// It exits with 0 when done, 1 after a failure or an interruption, and 2 when it was called wrongly. Without arguments
// it prints its help and exits with 0. Results go to standard output, all else to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/examples/review"
)

func main() {
	p := &program{stdout: os.Stdout, stderr: os.Stderr, now: time.Now}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// A program is what the commands share.
type program struct {
	stdout, stderr io.Writer
	now            func() time.Time
	args           []string // without the program's name

	// Tests only.
	busy     time.Duration     // how long a locked database is waited for
	reviewed func(path string) // told of each file that demo has reviewed
}

// commands is the command line.
type commands struct {
	database
	Version kong.VersionFlag `help:"Print the version and exit."`

	Demo  demo  `cmd:"" help:"Review a Git repository, each file in a branch of its own."`
	Ls    ls    `cmd:"" help:"List applications."`
	Show  show  `cmd:"" help:"Show what an application has done: steps, branches, state."`
	Graph graph `cmd:"" help:"Draw an application's graph."`
	Fork  fork  `cmd:"" help:"Make a new application from a step of another."`
	Prune prune `cmd:"" help:"Forget applications."`

	Answer reply  `cmd:"" help:"Give a step that waits its inputs."`
	Cancel ending `cmd:"" help:"Ask to end an application or a branch."`

	Testcase testcase `cmd:"" help:"Write a Go test from a step of an application."`

	Export export  `cmd:"" help:"Write an application with all its branches to a file."`
	Import imports `cmd:"" help:"Take an application from a file that export has written."`
}

const description = `Burdock runs applications that are state machines. Every step is saved in a database, so what was stopped goes on
where it was, and what has happened can be looked at.`

// run runs one command and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	p.args = args
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(args[1:], "--help")
	}
	exited := false // after help or version
	line := &commands{}
	parser, err := kong.New(line,
		kong.Name("burdock"), kong.Description(description), kong.Writers(p.stdout, p.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 80}),
		kong.Vars{"version": version(), "limit": strconv.Itoa(review.DefaultLimit)}, kong.Exit(func(int) { exited = true }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p, &line.database),
	)
	if err != nil {
		return p.fail(err)
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited:
		return exitDone
	case err != nil:
		return p.misused(err)
	}
	if err := parsed.Run(); err != nil {
		return p.fail(err)
	}
	return exitDone
}

// misused tells what is wrong with the command line.
func (p *program) misused(err error) int {
	command := "burdock"
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context.Selected() != nil {
		command = parse.Context.Selected().FullPath()
	}
	p.say("burdock: "+clearer(err.Error()), command+" --help tells more")
	return exitUsage
}

// negative is what the parser says of a value that begins with a dash.
var negative = regexp.MustCompile(`^(--[a-z]+): expected \w+ value but got "([^"]*)" \(\w+ flag\); perhaps try `)

// clearer says some errors of the parser in the words of its user.
func clearer(text string) string {
	if text == `expected "<id>"` {
		return "name an application, by its id or the beginning of it"
	}
	if text == `expected "<file>"` {
		return "name the file of an export, or - for standard input"
	}
	if strings.HasPrefix(text, `expected one of "demo"`) {
		return "name a command, such as ls"
	}
	if m := negative.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%s: %s looks like a flag; write %[1]s=%[2]s", m[1], m[2])
	}
	for _, missing := range []string{`: expected string value but got "EOL" (<EOL>)`, `: missing value, expecting "<arg>"`} {
		if flag, ok := strings.CutSuffix(text, missing); ok {
			return flag + " needs a value"
		}
	}
	return strings.Replace(text, "expected a valid 64 bit int", "expected a whole number", 1)
}

// fail tells what went wrong, and the way out.
func (p *program) fail(err error) int {
	what, hint := explain(err)
	p.say("burdock: "+what, p.located(hint))
	return exitFailed
}

// looking are the commands of hints that look into the database, but not the "burdock export has written" of other ones.
var looking = regexp.MustCompile(`\bburdock (ls|show|answer|export)\b( has written)?`)

// located names the database in the commands of a hint if the command line did, so that they look into the same one.
func (p *program) located(hint string) string {
	file := ""
	for i, a := range p.args {
		if value, ok := strings.CutPrefix(a, "--db="); ok {
			file = value
		} else if a == "--db" && i+1 < len(p.args) {
			file = p.args[i+1]
		}
	}
	if file == "" {
		return hint
	}
	return looking.ReplaceAllStringFunc(hint, func(command string) string {
		if strings.HasSuffix(command, " has written") {
			return command
		}
		return "burdock --db " + quoted(file) + strings.TrimPrefix(command, "burdock")
	})
}

func (p *program) say(what, hint string) {
	fmt.Fprintln(p.stderr, term.EscapeLines(what))
	if hint != "" {
		fmt.Fprintln(p.stderr, "  "+term.EscapeLines(hint))
	}
}

// print writes the result of a command.
func (p *program) print(text string) error {
	_, err := io.WriteString(p.stdout, text)
	return unwritten(err)
}

// unwritten is the error of an output that could not be written.
func unwritten(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot write to standard output: %w", err)
}

// printJSON writes the result of a command for programs.
func (p *program) printJSON(v any, indent string) error {
	text, err := term.JSON(v, indent)
	if err != nil {
		return err
	}
	return p.print(string(text))
}

// version names the module's version, or the commit where it was built from a working tree.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "burdock of an unknown version"
	}
	commit := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && info.Main.Version == "(devel)" {
			commit = " " + s.Value[:min(len(s.Value), 12)]
		}
	}
	return fmt.Sprintf("burdock %s%s, %s", info.Main.Version, commit, info.GoVersion)
}
