module github.com/burdock-go/burdock/examples

go 1.26.0

require (
	github.com/burdock-go/burdock v0.0.0
	github.com/google/go-cmp v0.7.0
	go.uber.org/goleak v1.3.0
)

replace (
	github.com/burdock-go/burdock => ..
	github.com/burdock-go/burdock/store/sqlitestore => ../store/sqlitestore
)
