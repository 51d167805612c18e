package main

import "github.com/alecthomas/kong"

// The longer help of commands, which --help and docs/commands.md show below the one
// sentence of the command. Lines that are indented by four are kept as they are.
//
//go:generate go test . -run TestCommandsPageIsCurrent -update

// Help implements kong.HelpProvider.
func (demoCmd) Help() string {
	return "The folder gets the sample, the report and the data of the server. " +
		"With --keep, the server keeps running and a link to the job in the web console is printed, " +
		"on a terminal with a token in it."
}

// Help implements kong.HelpProvider.
func (upCmd) Help() string {
	return "Runs all services and the gateway. Without --nats it embeds a NATS server, " +
		"without --database it runs a private PostgreSQL, and without --iec-url a simulator of the IEC. " +
		"Without a secret or public keys for tokens it makes up a secret, keeps it in DIR/jwt-secret, " +
		"and on a terminal prints a link to the web console with a token for it. " +
		"Into a file, a pipe or a journal it prints how to make one."
}

// Help implements kong.HelpProvider.
func (serveCmd) Help() string {
	return "Any number of processes may run the same service. Each needs --nats. " +
		"upload, persistence, webhook and privacy also need --database, iec needs --iec-url and ROLLCALL_IEC_CACHE_KEY, " +
		"upload, validation, persistence and privacy need ROLLCALL_PRIVACY_KEY, " +
		"and upload and gateway need --jwt-jwks-url, --jwt-jwks-file, --jwt-secret-file or --jwt-secret. " +
		"With public keys no process can make a token; whoever reads a secret can act as anybody."
}

// Help implements kong.HelpProvider.
func (migrateCmd) Help() string {
	return "Updates streams, buckets and consumers with --nats, and tables with --database; it takes either or both. " +
		"For each ROLLCALL_DATABASE_PASSWORD_<SERVICE> it makes a role of the database, " +
		"and it grants each role exactly what its service needs."
}

// Help implements kong.HelpProvider.
func (revokeCmd) Help() string {
	return "Every process that checks tokens knows within seconds: requests are refused with 401, " +
		"and the connections of the user or token are closed with 4001. Who signs in afterwards is let in; " +
		"to keep somebody out, have the issuer give them no new token. " +
		"Needs --nats with ROLLCALL_NATS_PASSWORD_REVOKER. While up runs, revoke.env in its data folder has them:\n\n" +
		"    . rollcall-data/revoke.env && rollcall revoke --user alice"
}

// Help implements kong.HelpProvider.
func (encryptCmd) Help() string {
	return "Stop the server first. A store in the clear is copied, encrypted, compared and put in place, " +
		"which takes as much room again. The key of a store that is encrypted is changed: to " +
		"ROLLCALL_NATS_STORE_KEY_NEXT, or to a new one where the data folder has the key. " +
		"The key is ROLLCALL_NATS_STORE_KEY, or the file nats-store-key in the data folder. " +
		"When it was interrupted, run it again."
}

// Help implements kong.HelpProvider.
func (doctorCmd) Help() string {
	return "Looks at configuration, connections (NATS as each user, database, IEC), permissions, " +
		"streams, buckets and consumers, clocks, disks and tables. " +
		"Give it the flags of serve; while up runs, --data is enough. " +
		"It changes nothing and spends no call of the IEC's quota. " +
		"The exit code is 1 when something is broken."
}

// Help implements kong.HelpProvider.
func (verifyCmd) Help() string {
	return "Checks each event, the event that it was stored after and the one that caused it; " +
		"that each artifact has the SHA-256 of its event; that the report has the figures of the stages; " +
		"and that the report, made again from its inputs, has the same bytes. " +
		"It prints what was altered. The exit code is then 1. " +
		"The stream cannot tell that its newest event was removed; with --database the list of jobs can. " +
		"Needs --nats and the investigator's password, which investigator.env has:\n\n" +
		"    . rollcall-data/investigator.env"
}

// Help implements kong.HelpProvider.
func (whatIfCmd) Help() string {
	return `The rules replace those that rollcall has, part by part. As JSON:

    {
      "vocabularies": {"gender": {"Male": ["M"], "Female": ["F"]}},
      "aliases": {"id_number": ["Ref"]},
      "youngest": 18, "oldest": 90,
      "ward_target": 150,
      "ward_regions": {"79800001": "Soweto"}
    }

It reads the job's upload again. ` +
		"For a row that names no region it prints the sub-region that ward_regions gives to the file's ward, " +
		"or else to the IEC's. " +
		"Only the database knows which sub-region the row has, and which ward an earlier file gave. " +
		"Needs --nats and the investigator's password, which investigator.env has."
}

// Help implements kong.HelpProvider.
func (inspectCmd) Help() string {
	return "Reads the file as a job would, on this machine, and stores nothing. ID numbers are masked. " +
		"The exit code is 0 when the file can be read, also where an upload would be refused for want of an ID column: " +
		"the last line then says so, and JSON has it in refusal.\n\n" +
		"With --rows each line has the sheet, the number of the row in it, and the cells as text from column A on: " +
		`{"sheet":"Members","row":2,"cells":["8001015009087","Khumalo"]}. ` +
		"Nothing is masked there: it is your file on your machine. Rows without any text are left out."
}

// Help implements kong.HelpProvider.
func (uploadCmd) Help() string {
	return "With --resume, the same command continues an interrupted upload. " +
		"It gives up after ten failures in a row without progress."
}

// Help implements kong.HelpProvider.
func (watchDirCmd) Help() string {
	return "Uploads files that end in .xlsx, .xls, .ods or .csv. " +
		"An uploaded file goes to done/, with the job's id beside it, and a refused file to failed/, with the reason. " +
		"A file that cannot be uploaded now stays and is tried again. " +
		"When the command is started again, it uploads nothing twice. " +
		"A mapping that is kept is read again for each file."
}

// Help implements kong.HelpProvider.
func (watchCmd) Help() string {
	return "Shows a bar on a terminal, and lines elsewhere. Ctrl-C leaves the job running. " +
		"The exit code is 1 when the job did not complete."
}

// Help implements kong.HelpProvider.
func (jobsCmd) Help() string {
	return "--failed also prints stage, code and attempts."
}

// Help implements kong.HelpProvider.
func (undoCmd) Help() string {
	return "Removes the members that the job has added and restores the values that it has changed, " +
		"in one transaction. A member whom another job has changed since then stays, and is named. " +
		"The undo is a job of its own, with events and a report."
}

// Help implements kong.HelpProvider.
func (commitCmd) Help() string {
	return "Begins a job that writes exactly what the dry run has shown. " +
		"It reads no file again and asks the IEC nothing. " +
		"If a member of the roll has changed since, it writes nothing and names the rows. " +
		"A second time shows the same job."
}

// Help implements kong.HelpProvider.
func (importWardsCmd) Help() string {
	return "A row whose file names no region gets the sub-region of its ward. " +
		"With municipalities and provinces, the area of somebody who works in one of them knows its wards: " +
		"a row that names only its ward can be told to lie in it, and one whose ward lies elsewhere is found out. " +
		"Name all wards of a municipality or province, or none of them. " +
		"The file takes the place of all that was loaded before."
}

// Help implements kong.HelpProvider.
func (personSettings) Help() string {
	return "Opens a case with a number, which the service privacy does, and waits for it. " +
		"The case names the user of this system as the one who asks. " +
		"Needs --nats with ROLLCALL_NATS_PASSWORD_PRIVACY, and ROLLCALL_PRIVACY_KEY. " +
		"While up runs, privacy.env in its data folder has them all:\n\n" +
		"    . rollcall-data/privacy.env"
}

// Help implements kong.HelpProvider.
func (auditCmd) Help() string {
	return "Lists who has read which report, rejects, row or list of rows, and who has exported or erased a person, " +
		"when and from where. Each access is stored before any data is sent. " +
		"Needs --nats and the operator's password, which nats-cli.env has."
}

// Help implements kong.HelpProvider.
func (rebuildCmd) Help() string {
	return "The list is the table jobs, which follows the stream. Everything may keep running meanwhile. " +
		"Needs --nats, --database and ROLLCALL_NATS_PASSWORD_UPLOAD."
}

// Help implements kong.HelpProvider.
func (iecSimCmd) Help() string {
	return "Answers as the IEC's API does, about people that it makes up. " +
		"Flags choose latency, quota, failures and fixed answers."
}

// Help implements kong.HelpProvider.
func (versionCmd) Help() string {
	return "The same stands in /healthz and in the first line of a server's log."
}

// flagHelp has the help texts that are too long to stand beside their commands and flags.
var flagHelp = kong.Vars{
	"help_demo":    "Start everything, upload a sample roll, follow it live and leave its report on disk.",
	"help_up":      "Run everything in one process, with NATS and PostgreSQL of its own, until it is stopped.",
	"help_migrate": "Create or update the streams, buckets, consumers and tables that services need.",
	"help_erase":   "Remove a person from tables, artifacts and reports; figures and history stay.",
	"help_whatif":  "Judge a job's rows again by other rules and tell what would differ, without changing anything.",
	"help_wards":   "Load where wards belong to: sub-region, municipality, province.",

	"help_webhook_events": "Which events: uploaded, reported, failed, paused, warned or cancelled. Otherwise " +
		"reported, failed and paused.",
	"help_jobs_search": "Only those with this in the name of the file or at the beginning of the id, " +
		"or by this uploader for those who see the jobs of others.",
	"help_map": "Says what a column is, by its header or letter: 'Identity No.=id_number'; '=-' leaves the column out. " +
		"Once for each column.",
	"help_mode": "upsert adds and changes members; create leaves those alone who are members already; " +
		"update adds nobody. Who was left out is in the report.",
	"help_allow_clear": "A cell that says (clear) empties that field of a member. Blank cells never do.",
	"help_resume":      "For weak lines: send only what has not arrived yet, over several connections if need be.",
	"help_output":      "Where to put it; report-JOB.xlsx, rejects-JOB.xlsx or SHEET-JOB.csv otherwise.",
	"help_report_csv":  "Only this sheet, as comma-separated values: rejects, summary, invalid_ids and so on.",
	"help_rows_search": "Only rows with these words in the name, or whose ID number ends with these digits.",
	"help_at_seq":      "Where it stood after the event with this sequence; rollcall history shows them.",
	"help_token_file":  "File with your token, read again for each upload, instead of --token.",

	"help_demo_dir":     "Folder for the data, the sample and the report.",
	"help_doctor_data":  "Data folder of up. If it exists, its disk is looked at.",
	"help_rules":        "The other rules, as JSON, or as YAML where its name ends in .yaml or .yml.",
	"help_whatif_json":  "Print a line of JSON for each row that differs, and one for the whole.",
	"help_inspect":      "Tell what would be read of a spreadsheet, without a server: sheets, columns, ID numbers.",
	"help_inspect_file": "The spreadsheet, .xlsx, .xls, .ods or .csv.",
	"help_inspect_json": "Print all that is known, as JSON.",
	"help_inspect_rows": "Print the rows of the sheet that is read instead, a line of JSON each. " +
		"Nothing is masked in it.",
	"help_inspect_all_sheets": "With --rows: those of all sheets.",
	"help_wards_file": "CSV with the header ward,sub_region,municipality,province: ward codes of 8 digits, each once. " +
		"One of the other columns is enough.",
	"help_wards_database": "PostgreSQL to load into: a URL or a key=value string. " +
		"The private one of rollcall up can be reached by up alone.",

	"help_person": "The person's ID number, spelled as in a roll. With - it is read from standard input, " +
		"which hides it from lists of processes and the shell's history.",
	"help_case_policy": "Policy that says which cases a second person must approve. Without one none of those that are " +
		"asked for on this machine: whoever can, holds its passwords.",
	"help_object": "Put a person on the list of objections, so that no upload writes them, or take them off.",
	"help_audit_verify": "Prove the audit whole, or say which messages were removed, altered, moved or put in. With " +
		"--database it is compared with the heads that are noted there.",
	"help_audit_head": "A head that an earlier verification has printed. May be repeated.",

	"roles": "super_admin,national_admin,province_admin,municipality_admin,ward_admin,information_officer,member",
	"help_roles": "super_admin, national_admin, province_admin, municipality_admin, ward_admin, " +
		"information_officer or member. docs/access.md says what each may do.",

	"help_revoke": "Revoke tokens before they expire, by user or by token.",
	"help_revoke_user": "Revoke all tokens that this user has got until now. Tokens that say nothing of when they were " +
		"issued (iat) are refused for as long as it is revoked.",
	"help_revoke_for": "How long it stays revoked: at least as long as a token may be good for, --jwt-max-lifetime. " +
		"0 means for ever.",
	"help_revoke_until": "The same as a time, for instance 2026-12-31T23:59:59Z.",
	"help_token":        "Your token, instead of the session of rollcall login.",
	"help_credentials":  "File of the sessions of rollcall login; without it one in your folder for settings.",
	"help_secret_file":  "File with the secret alone in it, instead.",
	"help_ttl":          "How long the token is good for. The server refuses more than its --jwt-max-lifetime.",
	"help_jti":          "Id of the token, by which it can be revoked. Without it, a random one.",
	"help_token_issuer": "Who the token says that it is from (iss): the first of those that the server accepts.",

	"help_take_over": "Write the rows of a job that wait for somebody with a larger area.",

	"help_malformed": "Fraction of calls answered with JSON that is cut off, about somebody else or of other types.",
	"help_answers":   "CSV that fixes answers: id,status,ward,vd,station,municipality,province_id,province.",
}
