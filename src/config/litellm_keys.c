/* litellm_keys.c: every key LiteLLM's documents name, and what becomes of it here; data, long for that reason.
 *
 * USED is read by the other files. A key that stands in no table is told as unknown, never passed over. */
#include "base/mem.h"
#include "config/litellm_priv.h"

enum verdict { USED, LOST, MOOT, STRICTER, DIFFERENT, CODE };
struct key_row {
    const char *key;
    enum verdict verdict;
    const char *text;
};

/* clang-format off */
static const struct key_row top_rows[] = {
    {"model_list", USED, NULL},
    {"litellm_settings", USED, NULL},
    {"general_settings", USED, NULL},
    {"router_settings", USED, NULL},
    {"credential_list", USED, NULL},
    {"environment_variables", DIFFERENT, "set these in the environment of Hearth (systemd `Environment=`, compose `environment:`); their values were not copied"},
    {"include", LOST, "other files are not followed: import each of them and join the results"},
    {"guardrails", LOST, "there are no guardrails here"},
    {"mcp_servers", LOST, "Hearth is no MCP gateway"},
    {"search_tools", LOST, "Hearth has no search tools"},
    {"vector_store_registry", LOST, "Hearth has no vector stores"},
    {"callback_settings", LOST, "there are no callbacks; `hearth usage --calls --json` and /metrics tell what happened"},
    {"assistant_settings", LOST, "the assistants API is not served"},
    {"files_settings", LOST, "the files API is not served"},
    {"finetune_settings", LOST, "fine-tuning is not served"},
};

#define ROUTER_ROWS                                                                                                     \
    {"fallbacks", USED, NULL}, {"context_window_fallbacks", USED, NULL}, {"content_policy_fallbacks", USED, NULL},       \
    {"default_fallbacks", USED, NULL}, {"max_fallbacks", USED, NULL}, {"model_group_alias", USED, NULL},                 \
    {"routing_strategy", USED, NULL}, {"timeout", USED, NULL}, {"stream_timeout", USED, NULL},                           \
    {"num_retries", MOOT, "a failed attempt goes to the next target of the chain at once, each target once"},            \
    {"max_retries", MOOT, "a failed attempt goes to the next target of the chain at once, each target once"},            \
    {"retry_after", MOOT, "a vendor's retry-after is obeyed; nobody waits for a place that fails"},                      \
    {"allowed_fails", MOOT, "a target rests after 5 failures in 30 s that outweigh its successes, for 1 s doubling to 5 min"},  \
    {"cooldown_time", MOOT, "a target rests after 5 failures in 30 s that outweigh its successes, for 1 s doubling to 5 min"},  \
    {"retry_policy", MOOT, "each kind of failure has its own rule: docs/reference/failures.md"},                         \
    {"model_group_retry_policy", MOOT, "each kind of failure has its own rule: docs/reference/failures.md"},             \
    {"allowed_fails_policy", MOOT, "each kind of failure has its own rule: docs/reference/failures.md"},                 \
    {"disable_cooldowns", DIFFERENT, "targets that keep failing rest here; it cannot be switched off"}

static const struct key_row router_rows[] = {
    ROUTER_ROWS,
    {"provider_budget_config", USED, NULL},
    {"routing_strategy_args", LOST, "strategies have no arguments here"},
    {"routing_groups", LOST, "a strategy per group: write `balance:` on the job"},
    {"enable_pre_call_checks", STRICTER, "calls that are surely too long for a model never go to it"},
    {"optional_pre_call_checks", LOST, "no such checks; prompt caches of vendors are priced, not steered"},
    {"deployment_affinity_ttl_seconds", LOST, "there is no affinity"},
    {"enable_tag_filtering", DIFFERENT, "models with `tags` are open to every call of their group here; for tag routing write `when: { tags: [...] }` on a step and send `x-hearth-tags`"},
    {"tag_filtering_match_any", LOST, "a step's `when: { tags }` wants all of its tags"},
    {"default_max_parallel_requests", USED, NULL},
    {"default_priority", LOST, "calls have no priorities"},
    {"polling_interval", MOOT, "there is no polling scheduler"},
    {"enable_health_check_routing", MOOT, "targets are judged by the calls they answer"},
    {"health_check_staleness_threshold", MOOT, "targets are judged by the calls they answer"},
    {"health_check_ignore_transient_errors", MOOT, "targets are judged by the calls they answer"},
    {"cache_responses", LOST, "there is no cache of answers"},
    {"caching_groups", LOST, "there is no cache of answers"},
    {"cache_kwargs", LOST, "there is no cache of answers"},
    {"client_ttl", MOOT, "connections are pooled"},
    {"redis_host", MOOT, "nothing is shared through Redis; the ledger is a file"},
    {"redis_port", MOOT, "nothing is shared through Redis; the ledger is a file"},
    {"redis_password", MOOT, "nothing is shared through Redis; the ledger is a file"},
    {"redis_url", MOOT, "nothing is shared through Redis; the ledger is a file"},
    {"redis_db", MOOT, "nothing is shared through Redis; the ledger is a file"},
    {"default_litellm_params", LOST, "write them as `defaults:` of the jobs they are meant for"},
    {"ignore_invalid_deployments", MOOT, "what was left out is listed in this report; --strict makes it an error"},
    {"alerting_config", LOST, "there is no alerting; watch /metrics"},
    {"guardrail_list", LOST, "there are no guardrails here"},
    {"search_tools", LOST, "Hearth has no search tools"},
    {"weights", LOST, "write `weight:` in the chains"},
    {"set_verbose", MOOT, "logs are one line per event"},
    {"debug_level", MOOT, "logs are one line per event"},
};

static const struct key_row settings_rows[] = {
    ROUTER_ROWS,
    {"request_timeout", USED, NULL},
    {"success_callback", LOST, "there are no callbacks; `hearth usage --calls --json` tells every call and its cost"},
    {"failure_callback", LOST, "there are no callbacks; `hearth usage --calls --json` tells every call and why it failed"},
    {"callbacks", LOST, "there are no callbacks; `hearth usage --calls --json` tells every call"},
    {"service_callbacks", LOST, "there are no callbacks; /metrics tells how Hearth is"},
    {"turn_off_message_logging", MOOT, "content is never in logs, metrics or the ledger"},
    {"redact_user_api_key_info", MOOT, "keys are never in logs, metrics or the ledger"},
    {"redact_messages_in_exceptions", MOOT, "content is never in logs, metrics or the ledger"},
    {"json_logs", MOOT, "logs are JSON when they do not go to a terminal"},
    {"set_verbose", MOOT, "logs are one line per event"},
    {"drop_params", DIFFERENT, "parameters are never dropped: a vendor that refuses one is left for the next step"},
    {"modify_params", DIFFERENT, "requests are never rewritten: a vendor that refuses one is left for the next step"},
    {"force_ipv4", LOST, "both families are tried, the faster one wins"},
    {"ssl_verify", STRICTER, "certificates are always verified; name your own authority with `ca_file:`"},
    {"cost_discount_config", LOST, "write the prices you pay under `prices:`"},
    {"cost_margin_config", LOST, "the ledger books what the vendor charges"},
    {"max_budget", USED, NULL},
    {"budget_duration", USED, NULL},
    {"max_internal_user_budget", LOST, "there are no users; budgets belong to upstreams"},
    {"internal_user_budget_duration", LOST, "there are no users; budgets belong to upstreams"},
    {"default_internal_user_params", LOST, "there are no users, only keys"},
    {"cache", LOST, "there is no cache of answers"},
    {"cache_params", LOST, "there is no cache of answers"},
    {"enable_redis_auth_cache", MOOT, "keys are checked in memory"},
    {"mcp_aliases", LOST, "Hearth is no MCP gateway"},
    {"network_mock", LOST, "`hearth rehearse` plays with simulated vendors"},
    {"enable_json_schema_validation", STRICTER, "an answer that is not the JSON that was asked for is a failed attempt"},
    {"default_team_params", LOST, "there are no teams, only keys"},
    {"default_team_settings", LOST, "there are no teams, only keys"},
    {"telemetry", MOOT, "nothing is reported to anybody"},
    {"public_model_groups", MOOT, "/v1/models shows what a key may use"},
    {"check_provider_endpoint", LOST, "wildcards are not expanded by asking the vendor"},
    {"input_callback", LOST, "there are no callbacks; `hearth usage --calls --json` tells every call"},
    {"custom_provider_map", CODE, "Python code answers in a provider's place"},
    {"pre_call_rules", CODE, "Python code decides what may be asked"},
    {"post_call_rules", CODE, "Python code decides what may be answered"},
    {"default_key_generate_params", LOST, "keys are made one by one: `hearth keys add`"},
    {"upperbound_key_generate_params", LOST, "keys are made one by one: `hearth keys add`"},
    {"tag_budget_config", LOST, "budgets belong to upstreams; `hearth usage --by tag` tells what a tag costs"},
};

static const struct key_row general_rows[] = {
    {"master_key", USED, NULL},
    {"database_url", MOOT, "the ledger is a file in the data folder; spend of the past stays in the old database"},
    {"database_connection_pool_limit", MOOT, "there is no database server"},
    {"database_connection_timeout", MOOT, "there is no database server"},
    {"allow_requests_on_db_unavailable", STRICTER, "a call that cannot be written to the journal is not made (503)"},
    {"store_model_in_db", LOST, "models kept in the database are not in this file: add them by hand"},
    {"supported_db_objects", MOOT, "there is no database server"},
    {"disable_spend_logs", STRICTER, "every call has its line in the ledger"},
    {"disable_spend_updates", STRICTER, "every call has its line in the ledger"},
    {"disable_error_logs", STRICTER, "every call has its line in the ledger"},
    {"proxy_batch_write_at", MOOT, "every call is in the journal before it leaves"},
    {"proxy_budget_rescheduler_min_time", MOOT, "windows open by themselves"},
    {"proxy_budget_rescheduler_max_time", MOOT, "windows open by themselves"},
    {"maximum_spend_logs_retention_period", USED, NULL},
    {"maximum_spend_logs_retention_interval", MOOT, "see `ledger: { keep }`"},
    {"store_prompts_in_spend_logs", STRICTER, "content is never in logs, metrics or the ledger"},
    {"max_parallel_requests", LOST, "write `concurrent:` on the upstreams"},
    {"global_max_parallel_requests", USED, NULL},
    {"max_request_size_mb", USED, NULL},
    {"max_response_size_mb", MOOT, "answers stream through; what is held whole is bounded"},
    {"background_health_checks", MOOT, "targets are judged by the calls they answer; no paid probes"},
    {"health_check_interval", MOOT, "targets are judged by the calls they answer; no paid probes"},
    {"health_check_details", MOOT, "`hearth doctor` tells each upstream's state"},
    {"alerting", LOST, "there is no alerting; watch /metrics"},
    {"alerting_threshold", LOST, "there is no alerting; watch /metrics"},
    {"alert_types", LOST, "there is no alerting; watch /metrics"},
    {"forward_client_headers_to_llm_api", LOST, "headers of clients are not passed on"},
    {"forward_llm_provider_auth_headers", LOST, "`key: passthrough` on an upstream passes the client's own credential"},
    {"pass_through_endpoints", LOST, "only the paths of the APIs that Hearth speaks are served"},
    {"custom_auth", CODE, "Python code decides who may call"},
    {"custom_key_generate", CODE, "Python code makes keys"},
    {"custom_sso", CODE, "Python code decides who may call"},
    {"custom_ui_sso_sign_in_handler", CODE, "Python code decides who may call"},
    {"enable_jwt_auth", LOST, "callers have keys (`hearth keys`), not tokens of an identity provider"},
    {"litellm_jwtauth", LOST, "callers have keys (`hearth keys`), not tokens of an identity provider"},
    {"enable_oauth2_auth", LOST, "callers have keys (`hearth keys`), not tokens of an identity provider"},
    {"allowed_ips", LOST, "listen on the addresses you mean, and give keys"},
    {"allowed_routes", LOST, "keys can be limited to jobs"},
    {"admin_only_routes", MOOT, "administration has a token of its own"},
    {"public_routes", LOST, "beside loopback a key is always needed"},
    {"litellm_key_header_name", LOST, "Hearth's key is read from `x-hearth-key` or the usual headers"},
    {"use_redis_transaction_buffer", MOOT, "there is no Redis"},
    {"token_rate_limit_type", LOST, "there are no limits by tokens a minute"},
    {"user_api_key_cache_ttl", MOOT, "keys are checked in memory; a revoked one is out at once"},
    {"key_management_system", LOST, "secrets are `env:NAME` or `file:PATH`"},
    {"key_management_settings", LOST, "secrets are `env:NAME` or `file:PATH`"},
    {"completion_model", LOST, "clients name their model; a catch-all is an alias `\"*\"`"},
    {"disable_master_key_return", MOOT, "keys are never shown again"},
    {"enforce_user_param", LOST, "calls may carry `x-hearth-task` and `x-hearth-tags`"},
    {"ui_access_mode", MOOT, "administration has a token of its own"},
    {"ui_username", MOOT, "administration has a token of its own"},
    {"ui_password", MOOT, "administration has a token of its own"},
    {"salt_key", MOOT, "nothing is kept encrypted in a database"},
};

#define NOT_OURS "belongs to a provider that Hearth does not reach"
#define PROMPT "messages are never rewritten: the server that runs the model forms its prompt"
static const struct key_row param_rows[] = {
    {"model", USED, NULL}, {"custom_llm_provider", USED, NULL}, {"api_key", USED, NULL}, {"api_base", USED, NULL},
    {"base_url", USED, NULL}, {"litellm_credential_name", USED, NULL}, {"timeout", USED, NULL}, {"request_timeout", USED, NULL},
    {"stream_timeout", USED, NULL}, {"max_parallel_requests", USED, NULL}, {"weight", USED, NULL}, {"order", USED, NULL},
    {"max_budget", USED, NULL}, {"budget_duration", USED, NULL}, {"input_cost_per_token", USED, NULL},
    {"output_cost_per_token", USED, NULL}, {"cache_read_input_token_cost", USED, NULL},
    {"cache_creation_input_token_cost", USED, NULL}, {"tags", USED, NULL}, {"extra_body", USED, NULL},
    {"api_version", MOOT, "the v1 face needs none"},
    {"organization", LOST, "the organization of the key counts"},
    {"ssl_verify", STRICTER, "certificates are always verified; name your own authority with `ca_file:`"},
    {"ssl_certificate", LOST, "there are no client certificates"},
    {"allowed_openai_params", MOOT, "all parameters pass as they are"},
    {"headers", LOST, "headers of your own cannot be sent upstream"},
    {"guardrails", LOST, "there are no guardrails here"},
    {"caching", LOST, "there is no cache of answers"}, {"cache", LOST, "there is no cache of answers"},
    {"cache_control_injection_points", LOST, "requests are never rewritten: clients set `cache_control` themselves"},
    {"fallbacks", LOST, "write further steps into the chain"}, {"context_window_fallback_dict", LOST, "write further steps into the chain"},
    {"retry_policy", MOOT, "each kind of failure has its own rule: docs/reference/failures.md"},
    {"api_type", MOOT, "the provider tells the dialect"}, {"force_timeout", MOOT, "`timeout` is kept in every case"},
    {"no-log", MOOT, "content is never in logs, metrics or the ledger"},
    {"verbose", MOOT, "logs are one line per event"}, {"logger_fn", LOST, "there are no callbacks"},
    {"custom_prompt_dict", LOST, PROMPT}, {"roles", LOST, PROMPT}, {"initial_prompt_value", LOST, PROMPT},
    {"final_prompt_value", LOST, PROMPT}, {"bos_token", LOST, PROMPT}, {"eos_token", LOST, PROMPT},
    {"hf_model_name", LOST, PROMPT}, {"supports_system_message", LOST, PROMPT}, {"ensure_alternating_roles", LOST, PROMPT},
    {"user_continue_message", LOST, PROMPT}, {"assistant_continue_message", LOST, PROMPT},
    {"prompt_id", LOST, PROMPT}, {"prompt_variables", LOST, PROMPT}, {"prompt_label", LOST, PROMPT},
    {"litellm_system_prompt", LOST, PROMPT}, {"vector_store_ids", LOST, "Hearth has no vector stores"},
    {"mock_timeout", LOST, "`hearth rehearse` plays with simulated vendors"}, {"mock_delay", LOST, "`hearth rehearse` plays with simulated vendors"},
    {"model_info", LOST, "stands beside `litellm_params`, not in it"}, {"metadata", LOST, "calls may carry `x-hearth-task` and `x-hearth-tags`"},
    {"litellm_metadata", LOST, "calls may carry `x-hearth-task` and `x-hearth-tags`"},
    {"region_name", LOST, NOT_OURS},
    {"max_retries", MOOT, "each target is tried once, then the next"},
    {"num_retries", MOOT, "each target is tried once, then the next"},
    {"keepalive_seconds", MOOT, "connections are pooled"},
    {"rpm", DIFFERENT, "a limit here whatever the strategy: a full minute takes the next step; it is the weight, too, where none is given"},
    {"tpm", DIFFERENT, "a limit here whatever the strategy: a full minute takes the next step; it is the weight, too, where neither weight nor rpm is given"},
    {"itpm", LOST, "prompts and answers have no limits of their own; `tpm` on the upstream limits both together"},
    {"otpm", LOST, "prompts and answers have no limits of their own; `tpm` on the upstream limits both together"},
    {"cooldown_time", MOOT, "targets rest by Hearth's own rule"},
    {"allowed_fails", MOOT, "targets rest by Hearth's own rule"},
    {"allowed_fails_policy", MOOT, "targets rest by Hearth's own rule"},
    {"tag_regex", LOST, "a step's `when: { tags }` names tags"},
    {"drop_params", DIFFERENT, "parameters are never dropped: a vendor that refuses one is left for the next step"},
    {"additional_drop_params", DIFFERENT, "parameters are never dropped: a vendor that refuses one is left for the next step"},
    {"modify_params", DIFFERENT, "requests are never rewritten"},
    {"extra_headers", LOST, "headers of your own cannot be sent upstream"},
    {"configurable_clientside_auth_params", LOST, "`key: passthrough` on an upstream passes the client's own credential"},
    {"default_api_key_tpm_limit", LOST, "there are no limits by tokens a minute"},
    {"default_api_key_rpm_limit", LOST, "limit requests a minute per key: `hearth keys`"},
    {"input_cost_per_second", LOST, "prices are per token"},
    {"output_cost_per_second", LOST, "prices are per token"},
    {"mock_response", LOST, "`hearth rehearse` plays with simulated vendors"},
    {"use_in_pass_through", LOST, "only the paths of the APIs that Hearth speaks are served"},
    {"use_litellm_proxy", MOOT, "there is no SDK in between"},
    {"use_chat_completions_api", MOOT, "upstreams are spoken to by their chat face"},
    {"merge_reasoning_content_in_choices", DIFFERENT, "answers pass untouched"},
    {"provider_affinity_header", LOST, "there is no affinity"},
    {"max_file_size_mb", LOST, "see `limits: { body }`"},
    {"rust", MOOT, "all of it is C"},
    {"aws_access_key_id", LOST, NOT_OURS}, {"aws_secret_access_key", LOST, NOT_OURS}, {"aws_region_name", LOST, NOT_OURS},
    {"aws_session_name", LOST, NOT_OURS}, {"aws_profile_name", LOST, NOT_OURS}, {"aws_role_name", LOST, NOT_OURS},
    {"aws_session_token", LOST, NOT_OURS}, {"aws_web_identity_token", LOST, NOT_OURS}, {"aws_bedrock_runtime_endpoint", LOST, NOT_OURS},
    {"vertex_project", LOST, NOT_OURS}, {"vertex_location", LOST, NOT_OURS}, {"vertex_credentials", LOST, NOT_OURS},
    {"azure_ad_token", LOST, NOT_OURS}, {"tenant_id", LOST, NOT_OURS}, {"client_id", LOST, NOT_OURS}, {"client_secret", LOST, NOT_OURS},
    {"azure_username", LOST, NOT_OURS}, {"azure_password", LOST, NOT_OURS}, {"watsonx_region_name", LOST, NOT_OURS},
    {"num_ctx", LOST, "Ollama's OpenAI face takes no context size: set OLLAMA_CONTEXT_LENGTH where it runs"},
    {"keep_alive", LOST, "Ollama's OpenAI face takes none: set OLLAMA_KEEP_ALIVE where it runs"},
    {"messages", LOST, "is the client's own"}, {"prompt", LOST, "is the client's own"}, {"input", LOST, "is the client's own"},
    {"stream", LOST, "is the client's own to ask"},
};

static const struct key_row info_rows[] = {
    {"id", USED, NULL}, {"mode", USED, NULL}, {"base_model", USED, NULL}, {"max_input_tokens", USED, NULL}, {"tags", USED, NULL},
    {"max_tokens", USED, NULL}, {"input_cost_per_token", USED, NULL}, {"output_cost_per_token", USED, NULL},
    {"cache_read_input_token_cost", USED, NULL}, {"cache_creation_input_token_cost", USED, NULL},
    {"max_output_tokens", MOOT, "the vendor's own limit counts"},
    {"tier", LOST, "there are no tiers"},
    {"access_groups", LOST, "limit a key to jobs: `hearth keys`"},
    {"team_id", LOST, "there are no teams, only keys"},
    {"supported_environments", LOST, "one file is one environment"},
    {"access_windows", LOST, "models have no hours"},
    {"blocked", LOST, "leave it out of the chains"},
    {"custom_tokenizer", MOOT, "tokens are the vendor's count, estimated until it comes"},
    {"ptu_count", LOST, "prices are per token"},
    {"cost_per_ptu_per_hour", LOST, "prices are per token"},
    {"adaptive_router_preferences", LOST, "there is no learning router"},
    {"health_check_model", MOOT, "targets are judged by the calls they answer"},
};
/* clang-format on */

static const struct key_row *row_of(const struct key_row *rows, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(key, str_from(rows[i].key)))
            return &rows[i];
    return NULL;
}

static bool is_off(const struct config_node *n)
{
    static const char *const words[] = {"false", "no", "off"};
    for (size_t k = 0; k < COUNT_OF(words) && n->kind == NODE_SCALAR && n->plain; k++)
        if (str_eq_fold(n->text, str_from(words[k])))
            return true;
    return false;
}

/* Used, but of a kind that none of the other files reads. */
static bool is_odd(const struct config_item *i)
{
    static const char *const many[] = {"tags",
                                       "extra_body",
                                       "fallbacks",
                                       "context_window_fallbacks",
                                       "content_policy_fallbacks",
                                       "default_fallbacks",
                                       "model_group_alias",
                                       "provider_budget_config",
                                       "model_list",
                                       "credential_list",
                                       "router_settings",
                                       "litellm_settings",
                                       "general_settings"};
    for (size_t k = 0; k < COUNT_OF(many); k++)
        if (str_eq(i->key->text, str_from(many[k])))
            return false;
    return i->value->kind != NODE_SCALAR;
}

/* A key without a value, and what is switched off and has no place here, loses nothing. */
static void tell(struct litellm *im, const struct config_item *i, const char *section, const struct key_row *row)
{
    if (config_node_empty(i->value) || (row && row->verdict == LOST && is_off(i->value)))
        return;
    static const enum litellm_kind kinds[] = {
        [LOST] = LITELLM_LOST,
        [MOOT] = LITELLM_MOOT,
        [STRICTER] = LITELLM_STRICTER,
        [DIFFERENT] = LITELLM_DIFFERENT,
    };
    struct str key = litellm_format(im, "%s%.*s", section, STR_FMT(i->key->text));
    if (!row)
        litellm_note(im, LITELLM_LOST, i->key->mark, key, "unknown to this importer");
    else if (row->verdict == USED && is_odd(i))
        litellm_note(im, LITELLM_LOST, i->key->mark, key, "must be one value, not %s", config_found(i->value).text);
    else if (row->verdict != USED)
        litellm_note(im, kinds[row->verdict], i->key->mark, key, "%s", row->text);
}

/* `my_module.my_handler`: LiteLLM would import it. Its own integrations are words without a dot. */
static const struct config_node *python_in(const struct config_node *n)
{
    if (n->kind == NODE_SCALAR)
        return str_find_char(n->text, '.') > 0 && !litellm_variable(n->text).len ? n : NULL;
    for (const struct config_item *i = n->kind == NODE_LIST ? n->first : NULL; i; i = i->next)
        if (python_in(i->value))
            return i->value;
    return NULL;
}

static int refuse_code(struct litellm *im, const struct config_item *i, const char *section, const struct key_row *row)
{
    static const char *const lists[] = {"callbacks", "success_callback", "failure_callback", "service_callbacks",
                                        "input_callback"};
    const struct config_node *code =
        row && row->verdict == CODE && !config_node_empty(i->value) && !is_off(i->value) ? i->value : NULL;
    for (size_t k = 0; k < COUNT_OF(lists) && !code; k++)
        if (str_eq(i->key->text, str_from(lists[k])))
            code = python_in(i->value);
    if (!code)
        return 0;
    return litellm_refuse(
        im, code->mark,
        "%s%.*s: %s, which cannot be carried and must not be left out unseen; take it out of a copy of the file to "
        "import the rest",
        section, STR_FMT(i->key->text), row && row->verdict == CODE ? row->text : "this is Python code");
}

static int tell_section(struct litellm *im, const struct config_node *map, const char *section,
                        const struct key_row *rows, size_t count)
{
    int rc = 0;
    for (const struct config_item *i = map ? map->first : NULL; i && rc == 0; i = i->next) {
        const struct key_row *row = row_of(rows, count, i->key->text);
        rc = refuse_code(im, i, section, row);
        if (rc == 0)
            tell(im, i, section, row);
    }
    return rc;
}

static void tell_master_key(struct litellm *im)
{
    const struct config_item *i = litellm_item(im->general, "master_key");
    struct str variable = i ? litellm_variable(i->value->text) : STR_NONE;
    if (!i)
        return;
    struct str key = STR("general_settings.master_key");
    if (variable.len)
        litellm_note(
            im, LITELLM_DIFFERENT, i->key->mark, key,
            "clients keep their key: `hearth keys add litellm --from env:%.*s`; it opens no administration here",
            STR_FMT(variable));
    else
        litellm_note(im, LITELLM_SECRET, i->key->mark, key,
                     "a key stands in the file: put it into LITELLM_MASTER_KEY, then `hearth keys add litellm --from "
                     "env:LITELLM_MASTER_KEY` and clients "
                     "keep it");
}

int litellm_settings_tell(struct litellm *im)
{
    int rc = tell_section(im, im->root, "", top_rows, COUNT_OF(top_rows));
    if (rc == 0)
        rc = tell_section(im, im->router, "router_settings.", router_rows, COUNT_OF(router_rows));
    if (rc == 0)
        rc = tell_section(im, im->settings, "litellm_settings.", settings_rows, COUNT_OF(settings_rows));
    if (rc == 0)
        rc = tell_section(im, im->general, "general_settings.", general_rows, COUNT_OF(general_rows));
    if (rc == 0)
        tell_master_key(im);
    return rc;
}

/* input_cost_per_audio_token, output_cost_per_token_above_200k_tokens, cache_read_input_audio_token_cost, ... */
static bool is_price(struct str key)
{
    return str_contains_fold(key, STR("_cost_per_")) || str_ends(key, STR("_cost"));
}
static const struct key_row other_price = {
    "", LOST, "prices are `input`, `cached`, `cache_write` and `output`, per token and whatever the length"};

/* What may be a secret is not passed on as a default of requests. */
static bool looks_secret(struct str key)
{
    static const char *const words[] = {"key", "secret", "password", "token", "credential"};
    static const char *const counts[] = {"max_tokens", "max_completion_tokens", "max_output_tokens", "budget_tokens",
                                         "prompt_cache_key"};
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        if (str_eq(key, str_from(counts[i])))
            return false;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_contains_fold(key, str_from(words[i])))
            return true;
    return false;
}

bool litellm_is_default(struct str key)
{
    return !row_of(param_rows, COUNT_OF(param_rows), key) && !looks_secret(key) && !is_price(key) &&
           !str_contains_fold(key, STR("_router_"));
}

void litellm_entry_tell(struct litellm *im, const struct litellm_deployment *d)
{
    for (const struct config_item *i = d->params->first; i; i = i->next) {
        const struct key_row *row = row_of(param_rows, COUNT_OF(param_rows), i->key->text);
        row = row || !is_price(i->key->text) ? row : &other_price;
        if (!row && looks_secret(i->key->text))
            litellm_note(im, LITELLM_SECRET, i->key->mark, i->key->text, "may be a secret, and has no place here");
        else if (row || !litellm_is_default(i->key->text))
            tell(im, i, "", row);
    }
    for (const struct config_item *i = d->info ? d->info->first : NULL; i; i = i->next) {
        bool ability = str_starts(i->key->text, STR("supports_")) || str_starts(i->key->text, STR("health_check_"));
        static const struct key_row known = {
            "", MOOT, "abilities come from the table of models; unknown models are given the chance"};
        const struct key_row *row = row_of(info_rows, COUNT_OF(info_rows), i->key->text);
        row = row || !is_price(i->key->text) ? row : &other_price;
        tell(im, i, "model_info.", ability ? &known : row);
    }
}
