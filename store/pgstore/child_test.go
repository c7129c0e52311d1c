package pgstore_test

func child(string) error { return nil }
