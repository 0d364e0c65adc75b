<?php
/*
 * Plugin Name: Mail by SMTP
 */
add_action('phpmailer_init', function ($mail) {
    $mail->isSMTP();
    $mail->Host = getenv('SMTP_HOST');
    $mail->Port = (int) getenv('SMTP_PORT');
    $mail->SMTPAuth = true;
    $mail->SMTPSecure = 'tls';
    $mail->Username = getenv('SMTP_USER');
    $mail->Password = rtrim(file_get_contents(getenv('SMTP_PASSWORD_FILE')), "\r\n");
});
add_filter('wp_mail_from', function () {
    return getenv('MAIL_FROM');
});
