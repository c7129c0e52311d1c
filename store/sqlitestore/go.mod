module github.com/burdock-go/burdock/store/sqlitestore

go 1.26.0

require (
	github.com/burdock-go/burdock v0.0.0
	modernc.org/sqlite v1.61.0
)

require go.uber.org/goleak v1.3.0 // indirect

replace github.com/burdock-go/burdock => ../..
