// Package engineio is what Engine.IO 4 has beside WebSockets: payloads, refusals and the
// HTTP long-polling of one session. It knows no jobs and no tokens.
package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// Types of packets: the first byte of one that is text. TypeBinary stands before base64.
const (
	TypeOpen    = '0'
	TypeClose   = '1'
	TypePing    = '2'
	TypePong    = '3'
	TypeMessage = '4'
	TypeUpgrade = '5'
	TypeNoop    = '6'
	TypeBinary  = 'b'
)

// Probe is what a client sends to try a WebSocket, and ProbeAnswer what it then gets.
const (
	Probe       = "2probe"
	ProbeAnswer = "3probe"
)

// separator stands between the packets of a payload.
const separator = 0x1e

// Packet is what a client has sent: text with its type in front, or the bytes of a
// binary message.
type Packet struct {
	Data   []byte
	Binary bool
}

var errPayload = errors.New("engine.io: not a payload of packets")

// ParsePayload splits the body of a POST into its packets. Each packet of text
// has at least its type.
func ParsePayload(body []byte) (packets []Packet, err error) {
	for part := range bytes.SplitSeq(body, []byte{separator}) {
		switch {
		case len(part) > 0 && part[0] == TypeBinary:
			data, err := base64.StdEncoding.AppendDecode(nil, part[1:])
			if err != nil {
				return nil, errPayload
			}
			packets = append(packets, Packet{Data: data, Binary: true})
		case len(part) > 0 && part[0] >= TypeOpen && part[0] <= TypeNoop:
			packets = append(packets, Packet{Data: part})
		default:
			return nil, errPayload
		}
	}
	return packets, nil
}

// appendPacket adds a packet of text to a payload.
func appendPacket(payload, packet []byte) []byte {
	if len(payload) > 0 {
		payload = append(payload, separator)
	}
	return append(payload, packet...)
}
