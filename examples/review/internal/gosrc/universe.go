package gosrc

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A universe is a set of packages whose types fit together: each place is in
// it once. It only grows; a Program starts another one when it is too large.
// Its methods are called by one goroutine at a time.
type universe struct {
	program *Program
	size    int64 // bytes of source of the packages held
	units   map[place]*unit
	stack   []*unit // being loaded, each imported by the one before
	tests   []*unit // declarations with test files, most recent last
}

// testUnits bounds the packages with test files that are kept. Nothing
// imports them; files are visited in path order, so a few are enough.
const testUnits = 8

// A unit is a package as far as its declarations go.
type unit struct {
	at     place
	name   string         // of the package
	types  *types.Package // nil when err says why
	err    error
	tested *unit // the package that this external test is about; else nil
	tests  bool  // declarations of test files are in it
	loaded bool
}

func newUniverse(p *Program) *universe {
	return &universe{program: p, units: map[place]*unit{}}
}

// forFile returns the package that a file of the repository belongs to.
func (u *universe) forFile(ctx context.Context, at place, file, pkg string) (*unit, error) {
	lib, err := u.load(ctx, at)
	if err != nil {
		return nil, err
	}
	if !isTest(file) {
		return lib, lib.err
	}
	if lib.err != nil && !onlyTests(lib) {
		return nil, lib.err
	}
	name, external := strings.CutSuffix(pkg, "_test")
	if !external || pkg == lib.name {
		return u.withTests(ctx, lib, pkg)
	}
	inner := lib
	if tested, err := u.withTests(ctx, lib, name); err == nil {
		inner = tested
	} else if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return u.external(ctx, inner, pkg)
}

// onlyTests reports whether a directory has no package outside its tests.
func onlyTests(lib *unit) bool {
	why, ok := errors.AsType[*Unavailable](lib.err)
	return ok && why.Reason == ReasonMissing
}

// load returns the package at a place, from its files without tests. A unit
// that cannot be had is returned with its err set; the error result is for
// what says nothing about the package, such as the end of ctx.
func (u *universe) load(ctx context.Context, at place) (*unit, error) {
	if held, ok := u.units[at]; ok {
		if !held.loaded {
			u.cycle(held)
		}
		return held, nil
	}
	unit := &unit{at: at}
	u.units[at] = unit
	u.stack = append(u.stack, unit)
	err := u.declare(ctx, unit, func(name string) bool { return !isTest(name) }, "")
	u.stack = u.stack[:len(u.stack)-1]
	if err != nil {
		delete(u.units, at)
		return nil, err
	}
	unit.loaded = true
	return unit, nil
}

// cycle marks every package on the way from held to itself. Packages that
// import one of them are marked when that import fails, so the marks do not
// depend on where the cycle was entered.
func (u *universe) cycle(held *unit) {
	for _, unit := range u.stack[slices.Index(u.stack, held):] {
		unit.err = &Unavailable{Reason: ReasonCycle}
	}
}

// declare parses and checks the declarations of a unit. Unless pkg is empty,
// only files of that package count.
func (u *universe) declare(ctx context.Context, unit *unit, keep func(name string) bool, pkg string) error {
	fset := token.NewFileSet()
	files, size, err := u.program.members(ctx, unit.at, fset, keep)
	if why, ok := errors.AsType[*Unavailable](err); ok {
		unit.err = why
		return nil
	}
	if err != nil {
		return err
	}
	if pkg != "" {
		files = slices.DeleteFunc(files, func(f *ast.File) bool { return f.Name.Name != pkg })
	}
	if unit.name, unit.err = packageName(files); unit.err != nil {
		return nil
	}
	u.size += size
	unit.types = types.NewPackage(u.importPath(unit), unit.name)
	imports := &imports{find: func(imp string) (*types.Package, error) { return u.importInto(ctx, unit, imp) }}
	why := check(imports, unit.types, fset, nil, true, files...)
	if why != nil && unit.err == nil {
		unit.err = why
	}
	return imports.failure
}

func (u *universe) importPath(unit *unit) string {
	p := u.program.resolver.pathOf(unit.at)
	if unit.tested != nil {
		p += "_test"
	}
	return p
}

// packageName returns the one name that all files have.
func packageName(files []*ast.File) (string, error) {
	var names []string
	for _, f := range files {
		if name := f.Name.Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return "", &Unavailable{Reason: ReasonMissing}
	case 1:
		return names[0], nil
	}
	slices.Sort(names)
	return "", &Unavailable{ReasonSeveral, strings.Join(names, ", ")}
}

// importInto is the import of a unit being loaded. What imports a package in
// a cycle cannot be built, so it is marked too.
func (u *universe) importInto(ctx context.Context, unit *unit, imp string) (*types.Package, error) {
	pkg, err := u.importFor(ctx, unit, imp)
	if why, ok := errors.AsType[*Unavailable](err); ok && why.Reason == ReasonCycle && unit.err == nil {
		unit.err = &Unavailable{Reason: ReasonCycle}
	}
	return pkg, err
}

// importFor returns the package that imp means in a unit. An external test
// gets the package it is about with that package's own test files.
func (u *universe) importFor(ctx context.Context, from *unit, imp string) (*types.Package, error) {
	if imp == "unsafe" {
		return types.Unsafe, nil
	}
	to, err := u.program.resolver.resolve(from.at, imp)
	if err != nil {
		return nil, err
	}
	if from.tested != nil && to == from.at {
		return from.tested.types, from.tested.err
	}
	unit, err := u.load(ctx, to)
	if err != nil {
		return nil, err
	}
	if why, ok := errors.AsType[*Unavailable](unit.err); ok {
		return nil, &Unavailable{why.Reason, imp}
	}
	return unit.types, nil
}

// withTests returns the declarations of a package and its internal tests.
func (u *universe) withTests(ctx context.Context, lib *unit, pkg string) (*unit, error) {
	return u.test(ctx, &unit{at: lib.at, name: pkg, tests: true}, pkg, func(string) bool { return true })
}

// external returns the declarations of the external tests of a package.
func (u *universe) external(ctx context.Context, inner *unit, pkg string) (*unit, error) {
	return u.test(ctx, &unit{at: inner.at, name: pkg, tests: true, tested: inner}, pkg, isTest)
}

// test returns a unit like want, from those kept or newly declared.
func (u *universe) test(ctx context.Context, want *unit, pkg string, keep func(name string) bool) (*unit, error) {
	for i, t := range u.tests {
		if t.at == want.at && t.name == want.name {
			u.tests = append(slices.Delete(u.tests, i, i+1), t)
			return t, t.err
		}
	}
	before := u.size
	err := u.declare(ctx, want, keep, pkg)
	u.size = before // not held for long
	if err != nil {
		return nil, err
	}
	want.loaded = true
	want.name = pkg
	if len(u.tests) == testUnits {
		u.tests = slices.Delete(u.tests, 0, 1)
	}
	u.tests = append(u.tests, want)
	return want, want.err
}

// imports is the importer of one check. A package that is not known leaves
// its uses unknown. Any other failure, such as the end of ctx, says nothing
// about the source: the result of the check is then worth nothing.
type imports struct {
	find    func(imp string) (*types.Package, error)
	missing []*Unavailable
	failure error
}

// Import implements [types.Importer].
func (i *imports) Import(imp string) (*types.Package, error) {
	pkg, err := i.find(imp)
	if why, ok := errors.AsType[*Unavailable](err); ok {
		i.missing = append(i.missing, why)
	} else if err != nil && i.failure == nil {
		i.failure = err
	}
	return pkg, err
}

// check type-checks files into pkg as far as they are right: errors in them
// leave types unknown and stop nothing. It returns an *Unavailable when the
// checker itself fails.
func check(imports *imports, pkg *types.Package, fset *token.FileSet, info *types.Info, declarationsOnly bool, files ...*ast.File) (why error) {
	defer func() {
		if p := recover(); p != nil {
			why = &Unavailable{ReasonPanic, fmt.Sprint(p)}
		}
	}()
	conf := types.Config{
		Importer:                 imports,
		Error:                    func(error) {},
		FakeImportC:              true,
		IgnoreFuncBodies:         declarationsOnly,
		DisableUnusedImportCheck: true,
		Sizes:                    types.SizesFor("gc", "amd64"),
	}
	_ = types.NewChecker(&conf, fset, pkg, info).Files(files) // reported to Error
	return nil
}
