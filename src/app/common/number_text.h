/* Numbers as text: the shortest decimal that reads back as the same double, whatever the locale. */
#ifndef FC_APP_COMMON_NUMBER_TEXT_H
#define FC_APP_COMMON_NUMBER_TEXT_H

enum { FC_NUMTEXT_SIZE = 32 };

/* "7", "0.7", "1e-05" */
void fc_number_text(double value, char out[FC_NUMTEXT_SIZE]);
/* As Python's repr of a float: "7.0", "0.7". value must be finite. */
void fc_number_python(double value, char out[FC_NUMTEXT_SIZE]);

#endif
