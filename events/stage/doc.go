// Package stage runs the stages that work on jobs. A stage is one function from
// a job to its next fact. The Runner feeds it from its durable consumer, keeps
// the message's lease, stores the fact and acknowledges the message last.
package stage
