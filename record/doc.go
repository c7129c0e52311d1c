// Package record is the stored form of checkpoints, events and messages, and the few rules by which a reader groups and
// judges them. Stores write it, the command line and the UI read it, so that all of them mean the same by one row.
//
// # The model
//
// A checkpoint is one JSON object on one line. Fields stand in a fixed order and a zero field is left out, so equal
// checkpoints have equal bytes:
//
//	{"v":1,"root":"run-7","app":"b64k…","parent":"run-7","parent_seq":3,"path":"run-7/every_pair#3/gpt_4:0",
//	 │     "seq":2,"attempt":1,"action":"ask","task":"gpt_4","key":"gpt_4:0","index":4,
//	 │     "fence":{"epoch":1},"status":"completed","next":"score",
//	 │     "delta":[{"key":"llm_output","value":"…"},            Op "set" is left out
//	 │              {"key":"history","op":"append","value":[…]},
//	 │              {"key":"draft","op":"delete"}],
//	 │     "started":"2026-01-02T15:04:05.000000001Z","ended":"…"}
//	 └ schema version; what a later version adds is kept in Checkpoint.Unknown and written back
//
// A string that is no valid UTF-8, such as a key made from bytes, is written as {"b64":"…"}. Times are UTC with
// nanoseconds. Values stand as they were given, in compact form: an integer beyond 2^53 keeps all its digits.
//
// An event has the same form with the fields of burdock.Event; its Value comes back as a json.RawMessage. A message of an
// inbox has it with those of burdock.Message.
//
// Export writes an application with all its branches as lines of this form, between a first and a last line of their
// own; Import saves them in another store.
//
// # Guarantees
//
//   - Unmarshal(Marshal(c)) equals c for every checkpoint whose times are UTC without a monotonic reading and whose raw
//     values are compact JSON, nil and empty slices told apart. The live error of a Failure is replaced by one of the
//     same text.
//   - Marshal is a function of its argument: no map order, clock or address shows in its bytes.
//   - Fields that this version does not know survive Unmarshal and Marshal, with the higher schema version. This holds
//     for the fields of the checkpoint itself; later versions add no field elsewhere.
//   - Unmarshal never panics, whatever it is given, and never answers a field with a value of another type.
//   - MarshalEvent fails, naming the event, on a value that cannot be encoded or is too large. It recovers from a
//     marshaler that panics.
//
// In plain words: what was saved comes back the same, also through a program that is older than the one that wrote it,
// and a broken row is an error, never a wrong answer. Not promised: that a record of a later version means all that it
// says to an older program; it is carried, not understood.
package record
