/** A form by which a secret is known. */
export interface SecretFormat {
  /** Shown in the mask. */
  readonly kind: string;
  /** One of these stands in every such secret: a text without any is not searched. */
  readonly hints: readonly string[];
  /** Global. Groups `before` and `after`, if named, are kept. */
  readonly pattern: RegExp;
}

// Written here rather than taken from secretlint or gitleaks: secretlint's presets are asynchronous, file-oriented and several
// megabytes of modules; gitleaks' rules are tuned for source trees (an entropy filter around each) and are not published for
// JavaScript. Prefixed formats are stable by design, so this list ages slowly.
const format = (kind: string, hints: readonly string[], pattern: RegExp): SecretFormat => ({ kind, hints, pattern });

/** Keys that show by a prefix whose they are. */
export const secretFormats: readonly SecretFormat[] = [
  // First what takes a whole header: the formats below would leave parts of it.
  format(
    'authorization',
    ['uthorization', 'UTHORIZATION'],
    /(?<before>\b(?:proxy-)?authorization["']?\s{0,2}[:=]\s{0,2}\\?["']?(?:(?:bearer|basic|token|digest|apikey|negotiate|aws4-hmac-sha256)\s{1,2})?)(?!\[redacted )(?!(?:bearer|basic|token|header|required|failed|error)\b)[^\s"'\\,;)}]{6,}(?<after>)/gi,
  ),
  format(
    'cookie',
    ['ookie'],
    /(?<before>\b(?:set-)?cookie["']?\s{0,2}[:=]\s{0,2}["']?)(?=[^\s=;"']{1,80}=)(?!\[redacted )[^"'\n\r]{4,4000}/gi,
  ),
  format('anthropic-key', ['sk-ant-'], /\bsk-ant-[\w-]{8,}/g),
  format('openrouter-key', ['sk-or-'], /\bsk-or-[\w-]{16,}/g),
  format('openai-key', ['sk-'], /\bsk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{16,}/g),
  format('stripe-key', ['_live_', '_test_'], /\b(?:sk|rk|pk|whsec)_(?:live|test)_[A-Za-z0-9]{8,}/g),
  format('stripe-webhook-secret', ['whsec_'], /\bwhsec_[A-Za-z0-9+/=]{16,}/g),
  format('github-token', ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], /\bgh[pousr]_[A-Za-z0-9]{20,}/g),
  format('github-token', ['github_pat_'], /\bgithub_pat_\w{20,}/g),
  format('gitlab-token', ['gl'], /\b(?:glpat|gldt|glptt|glrt|glcbt|glsoat|glimt|glagent|glft|gloas)-[\w-]{16,}/g),
  format('aws-key-id', ['AKIA', 'ASIA', 'ABIA', 'ACCA'], /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g),
  format('google-key', ['AIza'], /\bAIza[\w-]{30,}/g),
  format('google-oauth', ['ya29.'], /\bya29\.[\w-]{16,}/g),
  format('google-oauth-secret', ['GOCSPX-'], /\bGOCSPX-[\w-]{16,}/g),
  format('slack-token', ['xox', 'xapp-', 'xwfp-'], /\b(?:xox[abeoprs]|xapp|xwfp)(?:-|\.)[\w.-]{10,}/g),
  format(
    'slack-webhook',
    ['hooks.slack.com'],
    /(?<before>hooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/-]{8,}/g,
  ),
  format('discord-webhook', ['/api/webhooks/'], /(?<before>\/api\/webhooks\/)\d{5,25}\/[\w-]{16,}/g),
  format('discord-token', ['.'], /\b[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,45}\b/g),
  format(
    'teams-webhook',
    ['webhook.office.com', 'logic.azure.com'],
    /(?<before>\b(?:[\w-]{1,60}\.)?(?:webhook\.office\.com|logic\.azure\.com)(?::\d+)?\/)[^\s"'<>]{8,}/g,
  ),
  format('telegram-token', [':AA'], /\b\d{6,12}:AA[\w-]{30,40}/g),
  format('npm-token', ['npm_'], /\bnpm_[A-Za-z0-9]{30,}/g),
  format('pypi-token', ['pypi-'], /\bpypi-[A-Za-z0-9_-]{30,}/g),
  format('huggingface-token', ['hf_'], /\b(?:api_org|hf)_[A-Za-z0-9]{20,}/g),
  format('sendgrid-key', ['SG.'], /\bSG\.[\w-]{16,}\.[\w-]{16,}/g),
  format('twilio-key', ['SK', 'AC'], /\b(?:SK|AC)[0-9a-f]{32}\b/g),
  format('mailgun-key', ['key-'], /\bkey-[0-9a-f]{32}\b/g),
  format('mailchimp-key', ['-us'], /\b[0-9a-f]{32}-us\d{1,2}\b/g),
  format('digitalocean-token', ['_v1_'], /\bdo[opr]_v1_[0-9a-f]{32,}/g),
  format('shopify-token', ['shp'], /\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{24,}/g),
  format('square-token', ['sq0', 'EAAA'], /\b(?:sq0[a-z]{3}-[\w-]{20,}|EAAA[\w-]{56,})/g),
  format('databricks-token', ['dapi'], /\bdapi[0-9a-f]{30,}(?:-\d)?\b/g),
  format('groq-key', ['gsk_'], /\bgsk_[A-Za-z0-9]{20,}/g),
  format('xai-key', ['xai-'], /\bxai-[A-Za-z0-9]{20,}/g),
  format('perplexity-key', ['pplx-'], /\bpplx-[A-Za-z0-9]{20,}/g),
  format('replicate-token', ['r8_'], /\br8_[A-Za-z0-9]{20,}/g),
  format('fireworks-key', ['fw_'], /\bfw_[A-Za-z0-9]{20,}/g),
  format('langsmith-key', ['lsv2_', 'ls__'], /\b(?:lsv2_(?:pt|sk)_|ls__)[A-Za-z0-9_]{20,}/g),
  format('tavily-key', ['tvly-'], /\btvly-[\w-]{16,}/g),
  format('pinecone-key', ['pcsk_'], /\bpcsk_\w{20,}/g),
  format('nvidia-key', ['nvapi-'], /\bnvapi-[\w-]{20,}/g),
  format(
    'supabase-key',
    ['sbp_', 'sb_secret_', 'sb_publishable_'],
    /\b(?:sbp_[0-9a-f]{32,}|sb_(?:secret|publishable)_[\w-]{16,})/g,
  ),
  format('linear-key', ['lin_'], /\blin_(?:api|oauth)_[A-Za-z0-9]{24,}/g),
  format('notion-token', ['ntn_', 'secret_'], /\b(?:ntn_[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{40,})/g),
  format('airtable-token', ['pat'], /\bpat[A-Za-z0-9]{14}\.[0-9a-f]{32,}/g),
  format('figma-token', ['figd_'], /\bfigd_[\w-]{20,}/g),
  format('atlassian-token', ['ATATT', 'ATCTT'], /\b(?:ATATT|ATCTT)[\w=+-]{30,}/g),
  format('bitbucket-token', ['ATBB'], /\bATBB[A-Za-z0-9]{24,}/g),
  format('new-relic-key', ['NRAK-', 'NRJS-', 'NRRA-'], /\bNR(?:AK|JS|RA|II)-[\w-]{16,}/g),
  format(
    'grafana-token',
    ['glsa_', 'glc_', 'eyJrIjoi'],
    /\b(?:glsa_\w{30,}|glc_[A-Za-z0-9+/]{30,}={0,2}|eyJrIjoi[A-Za-z0-9]{40,}={0,2})/g,
  ),
  format('sentry-token', ['sntrys_', 'sntryu_'], /\bsntry[su]_[\w+/=-]{30,}/g),
  format('vault-token', ['hvs.', 'hvb.', 'hvr.'], /\bhv[sbr]\.[\w-]{20,}/g),
  format('terraform-token', ['.atlasv1.'], /\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}/g),
  format('doppler-token', ['dp.'], /\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}/g),
  format('docker-token', ['dckr_'], /\bdckr_(?:pat|oat)_[\w-]{20,}/g),
  format('planetscale-token', ['pscale_'], /\bpscale_(?:tkn|pw|oauth)_[\w.=-]{24,}/g),
  format('postman-key', ['PMAK-'], /\bPMAK-[0-9a-f]{20,}-[0-9a-f]{30,}/g),
  format('rubygems-key', ['rubygems_'], /\brubygems_[0-9a-f]{40,}/g),
  format('cratesio-token', ['cio'], /\bcio[A-Za-z0-9]{32}\b/g),
  format('age-key', ['AGE-SECRET-KEY-'], /\bAGE-SECRET-KEY-1[A-Z0-9]{40,}/g),
  format('1password-token', ['ops_', 'A3-'], /\b(?:ops_eyJ[\w+/=-]{40,}|A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,6})/g),
  format('facebook-token', ['EAA'], /\bEAA[A-Za-z0-9]{40,}/g),
  format('flyio-token', ['FlyV1 ', 'fm2_', 'fo1_'], /\b(?:FlyV1 )?(?:fm\d[ra]?_[\w+/=,-]{40,}|fo1_[\w-]{30,})/g),
  format('heroku-key', ['HRKU-'], /\bHRKU-[\w-]{30,}/g),
  format('alibaba-key', ['LTAI'], /\bLTAI[A-Za-z0-9]{12,26}\b/g),
  format(
    'azure-key',
    ['AccountKey=', 'SharedAccessKey=', 'sig='],
    /(?<before>\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)=)[A-Za-z0-9+/=%]{20,}/g,
  ),
  format('azure-signature', ['sig='], /(?<before>[?&]sig=)[A-Za-z0-9+/=%]{16,}/g),
  format('aws-signature', ['X-Amz-'], /(?<before>X-Amz-(?:Signature|Credential|Security-Token)=)[^\s&"'[]{8,}/g),
  format('ntfy-token', ['tk_'], /\btk_[a-z0-9]{29}\b/g),
  format(
    'heartbeat-url',
    ['hc-ping.com', 'betterstack', 'uptimerobot'],
    /(?<before>(?:hc-ping\.com|uptime\.betterstack\.com\/api\/v1\/heartbeat|heartbeat\.uptimerobot\.com)\/)[\w/-]{8,}/g,
  ),
  format('jwt', ['eyJ'], /\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?/g),
  format(
    'url-password',
    ['://'],
    /(?<before>\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/?#@:"'<>]{0,100}:)(?!\[redacted )[^\s/?#"'<>]{0,200}(?=@)/gi,
  ),
  format(
    'url-password',
    ['://'],
    /(?<before>\b[a-z][a-z0-9+.-]{1,20}:\/\/)(?=[^\s/?#@:"'<>]{0,120}\d)[^\s/?#@:"'<>[\]]{16,200}(?=@)/gi,
  ),
  format(
    'bearer-token',
    ['earer ', 'EARER '],
    /(?<before>\bbearer\s{1,2})(?=[^\s"']{0,100}[\d._~+/-])[A-Za-z0-9._~+/-]{8,}={0,2}(?<after>)/gi,
  ),
  format(
    'basic-auth',
    ['asic '],
    /(?<before>\b[Bb]asic\s)(?=[A-Za-z0-9+/]{0,60}[\dA-Z])(?=[A-Z0-9+/]{0,60}[a-z])(?=[A-Za-z0-9+/]{12,})[A-Za-z0-9+/]{12,}={0,2}(?<after>)/g,
  ),
  format(
    'curl-credentials',
    [' -u ', '--user '],
    /(?<before>\s(?:-u|--user)[ =]["']?[^\s:"']{1,80}:)(?!\[redacted )[^\s"']{3,}/g,
  ),
];
