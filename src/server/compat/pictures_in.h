/* Pictures that clients of other APIs send: in base64 in JSON, or as files in a form. They are kept by what
 * is in them (app/common/inputs.h), and the job names them. */
#ifndef FC_SERVER_COMPAT_PICTURES_IN_H
#define FC_SERVER_COMPAT_PICTURES_IN_H

#include "app/common/inputs.h"
#include "picture/fit.h"
#include "server/http/http.h"

/* The body as an object, read once: JSON, or a form whose texts become what they look like (numbers, true,
 * lists; texts where the name says so) and whose files become pictures. Belongs to h. NULL: err tells why. */
const json_t *fc_compat_body(fc_http *h, fc_err *err);

/* Keeps the picture that a member of the body holds: base64, a data: URL, the id of an upload, or a file of a
 * form. Errors begin with the field's name. */
fc_status fc_compat_picture(fc_http *h, const char *field, const json_t *value, char id[FC_INPUT_ID_SIZE],
                            fc_err *err) FC_MUST_USE;
/* Width and height of a kept picture. */
fc_status fc_compat_picture_size(fc_http *h, const char *id, int32_t *width, int32_t *height,
                                 fc_err *err) FC_MUST_USE;
/* id becomes that of the picture in another size. As a mask, white is where it is white or transparent. */
fc_status fc_compat_picture_fit(fc_http *h, char id[FC_INPUT_ID_SIZE], int32_t width, int32_t height,
                                fc_fit_mode mode, bool mask, fc_err *err) FC_MUST_USE;

#endif
