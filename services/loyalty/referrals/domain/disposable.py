"""Domains of mail that is thrown away: the well-known ones; a programme may name more."""

_KNOWN = """
    0-mail.com 10minutemail.com 10minutemail.net 20minutemail.com 33mail.com anonbox.net anonymbox.com
    binkmail.com bobmail.info boun.cr bouncr.com burnermail.io byom.de chacuo.net cock.li coieo.com
    crazymailing.com deadaddress.com despam.it discard.email discardmail.com discardmail.de dispostable.com
    dodgeit.com dropmail.me e4ward.com email-fake.com emailfake.com emailondeck.com emailsensei.com emltmp.com
    fakeinbox.com fakemail.net fakemailgenerator.com filzmail.com fleckens.hu generator.email getairmail.com
    getnada.com grr.la guerrillamail.biz guerrillamail.com guerrillamail.de guerrillamail.info guerrillamail.net
    guerrillamail.org guerrillamailblock.com harakirimail.com hidemail.de inboxalias.com inboxbear.com
    inboxkitten.com incognitomail.org jetable.org kasmail.com linshiyouxiang.net mail-temp.com mail-temporaire.fr
    mail.tm mailcatch.com maildrop.cc maildu.de maileater.com mailexpire.com mailforspam.com mailinater.com
    mailinator.com mailinator.net mailinator2.com mailmoat.com mailnesia.com mailnull.com mailpoof.com mailsac.com
    mailtemp.info mailto.plus meltmail.com mintemail.com moakt.cc moakt.com mohmal.com mt2015.com mvrht.net
    mytemp.email mytrashmail.com nada.email nomail.xl.cx nospam.ze.tc nowmymail.com objectmail.com onewaymail.com
    pokemail.net proxymail.eu rcpt.at rmqkr.net safetymail.info sharklasers.com shieldedmail.com smailpro.com
    sogetthis.com spam4.me spambog.com spambox.us spamex.com spamfree24.org spamgourmet.com spamhole.com
    spaml.com spamspot.com superrito.com suremail.info teleworm.us temp-mail.io temp-mail.org temp-mail.ru
    tempail.com tempemail.net tempinbox.com tempmail.dev tempmail.net tempmail.plus tempmailo.com tempr.email
    throwam.com throwawaymail.com tmail.ws tmpmail.net tmpmail.org trash-mail.com trashmail.at trashmail.com
    trashmail.de trashmail.me trashmail.net trbvm.com wegwerfemail.de wegwerfmail.de wegwerfmail.net
    wegwerfmail.org yopmail.com yopmail.fr yopmail.net zetmail.com
"""
DISPOSABLE = frozenset(_KNOWN.split())
