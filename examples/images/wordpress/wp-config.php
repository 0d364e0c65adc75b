<?php
// All settings come from the environment, a secret from the file that NAME_FILE names.
function lab_setting($name, $default)
{
    $file = getenv($name . '_FILE');
    if ($file !== false && $file !== '') {
        return rtrim(file_get_contents($file), "\r\n");
    }
    $value = getenv($name);
    return $value === false ? $default : $value;
}

define('DB_HOST', lab_setting('WORDPRESS_DB_HOST', 'mysql'));
define('DB_NAME', lab_setting('WORDPRESS_DB_NAME', 'wordpress'));
define('DB_USER', lab_setting('WORDPRESS_DB_USER', 'wordpress'));
define('DB_PASSWORD', lab_setting('WORDPRESS_DB_PASSWORD', ''));
define('DB_CHARSET', lab_setting('WORDPRESS_DB_CHARSET', 'utf8mb4'));
define('DB_COLLATE', lab_setting('WORDPRESS_DB_COLLATE', ''));
define('WP_DEBUG', lab_setting('WORDPRESS_DEBUG', '') !== '');
$table_prefix = lab_setting('WORDPRESS_TABLE_PREFIX', 'wp_');

require __DIR__ . '/wp-salt.php';

// The proxy in front ends TLS.
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}

// An operator's own lines of PHP, as the official image has them.
$extra = lab_setting('WORDPRESS_CONFIG_EXTRA', '');
if ($extra !== '') {
    eval($extra);
}

// No request of a test leaves the machine.
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
