package gosrc

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/build"
	"go/token"
	"io"
	"path"
	"slices"
	"strings"
)

// buildContext is the selection of files: fixed to linux/amd64, so that one
// commit gives one report on every machine. Only what the toolchain itself
// sets is taken from it.
func buildContext() build.Context {
	return build.Context{
		GOOS:        "linux",
		GOARCH:      "amd64",
		Compiler:    "gc",
		CgoEnabled:  true, // cgo files are checked with made-up C names
		ReleaseTags: build.Default.ReleaseTags,
		ToolTags:    build.Default.ToolTags,
	}
}

// matches reports whether a build would take the file, judging by its name
// and constraints. The standard library is read without cgo, which needs
// nothing made up.
func matches(at place, name string, src []byte) bool {
	c := buildContext()
	c.CgoEnabled = !at.std
	c.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
	ok, err := c.MatchFile(".", name)
	return ok || err != nil // what cannot be read is for the parser to report
}

// goIgnores reports whether the go command never looks at a file of that name.
func goIgnores(name string) bool {
	return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".")
}

// members parses what a package declares: the files of a directory that a
// build takes and keep wants, without the bodies of their functions. Only one
// file at a time has its bodies in memory. Files that do not parse are left
// out: what they would have declared is then not known, and nothing is said
// about it.
func (p *Program) members(ctx context.Context, at place, fset *token.FileSet, keep func(name string) bool) (files []*ast.File, size int64, err error) {
	src := p.source(at)
	names, err := src.goFiles(at.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		if !keep(name) || goIgnores(name) {
			continue
		}
		content, err := src.read(ctx, path.Join(at.dir, name))
		if _, ok := errors.AsType[*Unavailable](err); ok {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if !matches(at, name, content) {
			continue
		}
		if f, err := parseSafely(fset, name, content, 0); err == nil {
			files = append(files, declarations(f))
			size += int64(len(content))
		}
	}
	return files, size, nil
}

// declarations returns a file without the bodies of its functions. The
// parsed file is not changed.
func declarations(f *ast.File) *ast.File {
	short := *f
	short.Decls = slices.Clone(f.Decls)
	for i, d := range short.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			signature := *fn
			signature.Body = nil
			short.Decls[i] = &signature
		}
	}
	return &short
}

// chunkBytes is how much source is checked at a time: the types of its
// expressions take some 50 bytes per byte.
const chunkBytes = 128 << 10

// bodies returns a file in chunks, for a second check against a package that
// already has all its declarations: functions, methods and variables are
// declared again as "_", which collides with nothing. What holds no function
// body is left out, which matters for tables of megabytes. There is always a
// chunk, with all imports in each. The parsed file is not changed.
func bodies(f *ast.File) []*ast.File {
	var imports, chunk []ast.Decl
	var chunks []*ast.File
	size := 0
	end := func() {
		part := *f
		part.Decls = append(slices.Clone(imports), chunk...)
		chunks = append(chunks, &part)
		chunk, size = nil, 0
	}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			imports = append(imports, d)
			continue
		}
		again := blankDecl(d)
		if again == nil {
			continue
		}
		if size > chunkBytes {
			end()
		}
		chunk = append(chunk, again)
		size += int(d.End() - d.Pos())
	}
	end()
	return chunks
}

// blankDecl returns a declaration that is named "_", or nil when it holds no
// function body.
func blankDecl(d ast.Decl) ast.Decl {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Body == nil {
			return nil
		}
		fn := *d
		fn.Name = blank(d.Name)
		return &fn
	case *ast.GenDecl:
		if vars := blankVars(d); len(vars.Specs) > 0 {
			return vars
		}
	}
	return nil
}

func blankVars(d *ast.GenDecl) *ast.GenDecl {
	vars := *d
	vars.Specs = nil
	for _, s := range d.Specs {
		if d.Tok != token.VAR || !hasBody(s) {
			continue
		}
		spec := *s.(*ast.ValueSpec)
		spec.Names = make([]*ast.Ident, len(spec.Names))
		for i, name := range s.(*ast.ValueSpec).Names {
			spec.Names[i] = blank(name)
		}
		vars.Specs = append(vars.Specs, &spec)
	}
	return &vars
}

// hasBody reports whether a function literal is in a variable's value.
func hasBody(n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			found = true
		}
		return !found
	})
	return found
}

func blank(name *ast.Ident) *ast.Ident { return &ast.Ident{NamePos: name.NamePos, Name: "_"} }
