// Package gosrc parses and type-checks the Go sources of one commit, read
// from Git objects.
//
//	Program (one commit)
//	  └── universe: packages by directory, declarations only, shared
//	        ├── package of the repository   from blobs
//	        └── package of GOROOT/src       from disk
//	Check(file) ─> declarations of its package ─> bodies of this file ─> visit
//
// A package is checked once without any function body, which takes about a
// byte of memory per byte of source, and serves both its importers and the
// review of its own files. The bodies are then checked file by file against
// these declarations, so memory follows the largest file and not the largest
// package: cmd/compile/internal/ssa has 10 MB of source.
//
// What it promises:
//   - At most two goroutines type-check at once.
//   - The result for a file depends on the commit and the toolchain, not on
//     what was checked before. A package that reaches an import cycle is
//     unavailable from wherever it is asked for.
//   - What is not known is an [Unavailable] with a reason, never a guess.
package gosrc

import (
	"cmp"
	"context"
	"go/ast"
	"go/types"
	"path"

	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
)

// checksAtOnce bounds the type checks that run at the same time.
const checksAtOnce = 2

// Options configure [Load].
type Options struct {
	GOROOT   string // of the standard library; empty when there is none
	Universe int64  // bytes of source kept as declarations. Defaults to 96 MiB.
}

// A Program is the Go of one commit. It is safe for concurrent use.
type Program struct {
	repo      *commitSource
	goroot    goroot
	resolver  *resolver
	maxSource int64

	gate     chan struct{} // held by those that type-check
	loading  chan struct{} // held by the one that adds to the universe
	universe *universe     // guarded by loading
}

// Load prepares the commit that tree lists. Packages are read when they are
// needed.
func Load(ctx context.Context, blobs *gitrepo.Blobs, tree []gitrepo.File, opts *Options) (*Program, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	if o.Universe <= 0 {
		o.Universe = 96 << 20
	}
	repo, err := newCommitSource(blobs, tree)
	if err != nil {
		return nil, err
	}
	modules, err := findModules(ctx, blobs, tree)
	if err != nil {
		return nil, err
	}
	p := &Program{repo: repo, goroot: goroot(o.GOROOT), maxSource: o.Universe}
	p.resolver = newResolver(repo, p.goroot, modules)
	p.gate = make(chan struct{}, checksAtOnce)
	p.loading = make(chan struct{}, 1)
	p.universe = newUniverse(p)
	return p, nil
}

func (p *Program) source(at place) source {
	if at.std {
		return p.goroot
	}
	return p.repo
}

// A Visit is called for each function, method and variable declaration of a
// file, with the types in it as far as they are known. Neither may be kept.
type Visit func(decl ast.Decl, info *types.Info)

// Check type-checks the bodies of one file of the commit. The path is raw.
// What the file imports and is not known is returned as missing. The error is
// an *[Unavailable] when the file is in no package that can be checked. When
// ctx ends Check returns the cause, after the package it is at.
func (p *Program) Check(ctx context.Context, file string, parsed *File, visit Visit) (missing []*Unavailable, err error) {
	if err := acquire(ctx, p.gate); err != nil {
		return nil, err
	}
	defer release(p.gate)
	at := place{dir: path.Dir(file)}
	if err := p.taken(ctx, at, file, parsed); err != nil {
		return nil, err
	}
	u, decls, err := p.declarations(ctx, at, path.Base(file), parsed.AST.Name.Name)
	if err != nil {
		return nil, err
	}
	return p.bodies(ctx, u, decls, parsed, visit)
}

// taken says why a build of linux/amd64 would not take the file.
func (p *Program) taken(ctx context.Context, at place, file string, parsed *File) error {
	if parsed.Err != "" || parsed.AST == nil {
		return &Unavailable{Reason: ReasonSyntax}
	}
	if goIgnores(path.Base(file)) {
		return &Unavailable{Reason: ReasonIgnored}
	}
	content, err := p.repo.read(ctx, file)
	if err != nil {
		return err
	}
	if !matches(at, path.Base(file), content) {
		return &Unavailable{Reason: ReasonExcluded}
	}
	return nil
}

// declarations returns the package that the file belongs to, and the universe
// that its imports are to be taken from.
func (p *Program) declarations(ctx context.Context, at place, name, pkg string) (*universe, *unit, error) {
	if err := acquire(ctx, p.loading); err != nil {
		return nil, nil, err
	}
	defer release(p.loading)
	if p.universe.size > p.maxSource {
		p.universe = newUniverse(p) // types of two universes never meet in one check
	}
	unit, err := p.universe.forFile(ctx, at, name, pkg)
	return p.universe, unit, err
}

// bodies checks the functions and variables of one file, some at a time.
// Declarations that are shared are read only: the file's own objects go to a
// package beside theirs.
func (p *Program) bodies(ctx context.Context, u *universe, decls *unit, parsed *File, visit Visit) (missing []*Unavailable, err error) {
	pkg := types.NewPackage(decls.types.Path(), decls.types.Name())
	scope := decls.types.Scope()
	for _, name := range scope.Names() {
		pkg.Scope().Insert(scope.Lookup(name))
	}
	for _, chunk := range bodies(parsed.AST) {
		imports := &imports{find: func(imp string) (*types.Package, error) { return p.imported(ctx, u, decls, imp) }}
		info := newInfo()
		if err := cmp.Or(check(imports, pkg, parsed.Fset, info, false, chunk), imports.failure, ctx.Err()); err != nil {
			return nil, err
		}
		for _, d := range chunk.Decls {
			visit(d, info)
		}
		missing = imports.missing // the same for every chunk
	}
	return missing, nil
}

func newInfo() *types.Info {
	return &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
}

// imported takes the lock that the universe needs for one import. Nearly all
// are there already: they are the imports of the package's declarations.
func (p *Program) imported(ctx context.Context, u *universe, decls *unit, imp string) (*types.Package, error) {
	if err := acquire(ctx, p.loading); err != nil {
		return nil, err
	}
	defer release(p.loading)
	return u.importFor(ctx, decls, imp)
}

func acquire(ctx context.Context, gate chan struct{}) error {
	select {
	case gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func release(gate chan struct{}) { <-gate }
