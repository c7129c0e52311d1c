module github.com/burdock-go/burdock/cmd/burdock

go 1.26

require (
	github.com/burdock-go/burdock v0.0.0
	github.com/burdock-go/burdock/examples v0.0.0
	github.com/burdock-go/burdock/store/sqlitestore v0.0.0
)

replace (
	github.com/burdock-go/burdock => ../..
	github.com/burdock-go/burdock/examples => ../../examples
	github.com/burdock-go/burdock/store/sqlitestore => ../../store/sqlitestore
)
