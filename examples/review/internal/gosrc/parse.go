package gosrc

import (
	"context"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"

	"github.com/burdock-go/burdock/examples/review/internal/cache"
)

// A File is one parsed Go source. Several checks share it, so nothing in it
// may be changed.
type File struct {
	AST  *ast.File
	Fset *token.FileSet // of this file alone, so that it goes with the file
	Size int            // bytes of source

	// Err is the first error of a file that does not parse; AST is then what
	// the parser made of it, possibly nil. ErrLine is its line, from 1.
	Err     string
	ErrLine int
}

// Line returns the line of a position, //line comments not followed.
func (f *File) Line(pos token.Pos) int { return f.Fset.PositionFor(pos, false).Line }

// parse reads a Go source with its comments.
func parse(name string, src []byte) *File {
	f := &File{Fset: token.NewFileSet(), Size: len(src)}
	var err error
	if f.AST, err = parseSafely(f.Fset, name, src, parser.ParseComments); err != nil {
		f.Err, f.ErrLine = firstError(err)
	}
	return f
}

// parseSafely turns a panic of the parser into an error of this one file.
func parseSafely(fset *token.FileSet, name string, src []byte, mode parser.Mode) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, scanner.ErrorList{{Msg: "the parser panicked", Pos: token.Position{Line: 1}}}
		}
	}()
	return parser.ParseFile(fset, name, src, mode|parser.SkipObjectResolution)
}

func firstError(err error) (string, int) {
	list, ok := err.(scanner.ErrorList) //nolint:errorlint // the parser documents this concrete type
	if !ok || len(list) == 0 {
		return err.Error(), 1
	}
	return list[0].Msg, max(1, list[0].Pos.Line)
}

// astBytesPerByte is what a parsed file holds per byte of source, measured
// over GOROOT/src with comments.
const astBytesPerByte = 12

// Files parses each source once for all checks that want it at about the same
// time.
type Files struct {
	cache *cache.Cache[string, *File]
}

// NewFiles returns parsed files of at most max bytes in memory, roughly.
func NewFiles(max int64) *Files {
	return &Files{cache.New[string](max, func(f *File) int64 { return int64(f.Size)*astBytesPerByte + 1024 })}
}

// Get returns the parsed form of the blob oid, whose content is src. Files of
// one content share it, so positions show the object id for a name.
func (f *Files) Get(ctx context.Context, oid string, src []byte) (*File, error) {
	return f.cache.Get(ctx, oid, func(context.Context) (*File, error) {
		return parse(oid, src), nil
	})
}

// isTest reports whether a file is one of tests, by its name.
func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }
