package pgstore_test
import ("testing";"os";"fmt";"strings";"time";"github.com/burdock-go/burdock";"github.com/burdock-go/burdock/store/pgstore")
func ticks(pid string) string { d,_:=os.ReadFile("/proc/"+pid+"/stat"); f:=strings.Fields(string(d)); return f[13]+"+"+f[14] }
func TestZZ(t *testing.T) {
	s := open(t, shared.Get(t).DSN()+" pool_max_conns=1", &pgstore.Options{Schema: fresh()})
	c := connect(t)
	run := func(n int64) { for i := range int64(1000) { if err := s.Save(t.Context(), burdock.Fence{Root:"r",Epoch:1}, []burdock.Checkpoint{step("r", n+i, "some text")}); err!=nil {t.Fatal(err)} } }
	run(0)
	var pid int
	c.QueryRow(t.Context(), "select pid from pg_stat_activity where application_name='burdock' limit 1").Scan(&pid)
	p := fmt.Sprint(pid)
	a, b0 := ticks(p), ticks("self"); t0 := time.Now()
	run(1000)
	fmt.Println("backend ticks(10ms)", a, ticks(p), "self", b0, ticks("self"), time.Since(t0)/1000)
	time.Sleep(300*time.Millisecond)
}
