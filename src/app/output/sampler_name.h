/* What samplers and schedules are called by other programs. */
#ifndef FC_APP_OUTPUT_SAMPLER_NAME_H
#define FC_APP_OUTPUT_SAMPLER_NAME_H

/* Behind the name of a sampler: it goes with that schedule. */
#define FC_KARRAS_SUFFIX " Karras"

/* The name that AUTOMATIC1111 and its kin show for a sampler: "DPM++ 2M SDE"; the id itself when it has none.
 */
const char *fc_sampler_shown(const char *id);
/* The other way: the id, and *scheduler "karras" when the name ends so, else NULL. NULL: no such name. Ids
 * are names too. */
const char *fc_sampler_id(const char *shown, const char **scheduler);
/* The same for all programs that are known: "k_euler_a", "sample_dpmpp_2m", "dpmpp_2m_k" too. *scheduler (it
 * may be NULL) is set only when the name tells one. */
const char *fc_sampler_id_of_others(const char *shown, const char **scheduler);
/* "SGM Uniform" -> sgm_uniform; NULL: no such schedule. */
const char *fc_schedule_id(const char *shown);
/* The name in small letters without blanks, '_' and '-', cut to what fits. */
void fc_name_squeeze(const char *name, char out[40]);

#endif
