module github.com/burdock-go/burdock/bench

go 1.26

require (
	github.com/burdock-go/burdock v0.0.0
	github.com/burdock-go/burdock/store/sqlitestore v0.0.0
)

replace (
	github.com/burdock-go/burdock => ..
	github.com/burdock-go/burdock/store/sqlitestore => ../store/sqlitestore
)
