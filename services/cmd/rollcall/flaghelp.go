package main

import "github.com/alecthomas/kong"

// flagHelp has the help texts that are too long to stand beside their commands and flags.
var flagHelp = kong.Vars{
	"help_demo":    "Start everything, upload a sample roll, follow it live and leave its report on disk.",
	"help_up":      "Run everything in one process, with NATS and PostgreSQL of its own, until it is stopped.",
	"help_migrate": "Create or update the streams, buckets, consumers and tables that services need.",
	"help_erase":   "Remove a person from tables, artifacts and reports; figures and history stay.",
	"help_whatif":  "Judge a job's rows again by other rules and tell what would differ, without changing anything.",
	"help_wards":   "Load which sub-region each metro ward belongs to, in place of what was loaded before.",

	"help_resume":     "For weak lines: send only what has not arrived yet, over several connections if need be.",
	"help_output":     "Where to put it; report-JOB.xlsx or rejects-JOB.xlsx otherwise.",
	"help_at_seq":     "Where it stood after the event with this sequence; rollcall history shows them.",
	"help_token_file": "File with your token, read again for each upload, instead of --token.",

	"help_demo_dir":    "Folder for the data, the sample and the report.",
	"help_doctor_data": "Data folder of up. If it exists, its disk is looked at.",
	"help_rules":       "The other rules, as JSON, or as YAML where its name ends in .yaml or .yml.",
	"help_whatif_json": "Print a line of JSON for each row that differs, and one for the whole.",
	"help_wards_file":  "CSV with the header ward,sub_region: ward codes of 8 digits, each once.",
	"help_wards_database": "PostgreSQL to load into: a URL or a key=value string. " +
		"The private one of rollcall up can be reached by up alone.",

	"help_person": "The person's ID number of 13 digits. With - it is read from standard input, " +
		"which hides it from lists of processes and the shell's history.",
	"help_person_by": "Who asks for it, for the audit; without it, the user of this system.",

	"roles":      "super_admin,national_admin,province_admin,municipality_admin,member",
	"help_roles": "super_admin, national_admin (both see all jobs), province_admin, municipality_admin or member.",

	"help_malformed": "Fraction of calls answered with JSON that is cut off, about somebody else or of other types.",
	"help_answers":   "CSV that fixes answers: id,status,ward,vd,station,municipality,province_id,province.",
}
