// Package stage runs the stages that work on jobs. A stage is one function from
// a job to its next fact. The Runner takes messages from the stage's durable
// consumer, keeps the lease of each while the function works, stores the
// resulting fact and then acknowledges the message.
package stage
