package validation

// The codes of a records.Warning.
const (
	WarnCitizenshipDigit = "citizenship_digit"
	WarnAge              = "age_unlikely"
	WarnAgeDiffers       = "age_contradicts_id"
	WarnGenderDiffers    = "gender_contradicts_id"
	WarnDate             = "date_unreadable"
	WarnMoney            = "money_unreadable"
	WarnEmail            = "email_unreadable"
	WarnPhone            = "phone_unreadable"
	WarnCode             = "code_unreadable"
	WarnNumber           = "number_unreadable"
	WarnFormula          = "formula_failed"
	WarnWord             = "word_unknown"
	WarnCut              = "text_cut"
	WarnLost             = "cell_lost"
	WarnTwice            = "cell_twice"
)
