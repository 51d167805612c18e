// Package answers keeps what the IEC has answered, so that nobody is asked about twice,
// and says who is being asked about now. All replicas of iec share it.
//
// What is new is appended to a log, the stream events.StreamIEC. One message holds all that
// a process has gathered while the message before was written, because a disk confirms a
// few thousand writes a second and not more. Every process applies the same messages in the
// same order, so all of them agree on who may ask.
//
// Answers that have been in the log for a while are folded into buckets, the keys of
// events.KVVerdicts: one holds the answers about all people whose hashes begin alike. A
// server keeps an index of all keys in memory; ten million people have no more keys than
// ten thousand. A record of a bucket has 28 bytes, because what many answers have in
// common, such as the voting station, is kept once, in events.KVStations.
package answers
