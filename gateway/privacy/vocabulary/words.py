"""The words by which keys name the things of a person, in fifteen languages, as data.

A phrase is what a key ends with (`billing_phone`), or begins with where nothing follows but a role
(`telefono_cliente`). `=` before it: nothing else may stand in the key but roles (`=city`). `+`: a
role must (`+name`: `passenger_name`, never `plugin_name`). Accents need not be written; a phrase of
several words is known as one word, too (`firstname`).
"""

from __future__ import annotations

from enum import StrEnum


class Meaning(StrEnum):
    """What of a person a key names."""

    PERSON = "person"
    NAME = "name"
    ACCOUNT = "account"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    LOCATION = "location"
    BIRTH = "birth"
    TRAIT = "trait"
    OFFICIAL = "official"
    HEALTH = "health"
    FINANCE = "finance"
    CARD = "card"
    SECRET = "secret"  # noqa: S105 (a meaning, no secret)
    DEVICE = "device"
    NETWORK = "network"
    PROFILE = "profile"


MEANINGS: dict[str, str] = {
    Meaning.PERSON: "all that is below a person, such as `customer`, `passengers` or `traits`",
    Meaning.NAME: "names, titles; `name` where it is below a person",
    Meaning.ACCOUNT: "ids and names by which systems know a person; `id` below a person",
    Meaning.EMAIL: "e-mail addresses",
    Meaning.PHONE: "phone and fax numbers",
    Meaning.ADDRESS: "streets, postcodes, towns, and objects that are addresses",
    Meaning.LOCATION: "coordinates and positions",
    Meaning.BIRTH: "date and place of birth, age",
    Meaning.TRAIT: "sex, origin, religion, politics, family",
    Meaning.OFFICIAL: "numbers of passports, licences, taxes, social security, number plates",
    Meaning.HEALTH: "diagnoses, blood groups, medication",
    Meaning.FINANCE: "bank accounts, income, credit",
    Meaning.CARD: "payment cards and their codes",
    Meaning.SECRET: "passwords, tokens, keys, cookies",
    Meaning.DEVICE: "ids of devices and of advertising",
    Meaning.NETWORK: "IP and hardware addresses",
    Meaning.PROFILE: "pictures, signatures, places in social networks",
}
"""What each one stands for, for the reference."""

PEOPLE = """
user users customer customers client clients person people patient patients passenger passengers
guest guests member members contact contacts recipient recipients sender senders owner author driver
rider student students teacher employee employees staff beneficiary cardholder payer payee buyer
seller shopper subscriber subscribers visitor visitors applicant candidate spouse
mother father mothers fathers guardian emergency holder shipper
consignee traveler travelers traveller travellers attendee attendees participant participants donor
lead leads prospect admin administrator requester reporter assignee reviewer
supervisor inviter invitee invitees cust custs pax emp traits resident citizen voter defendant
plaintiff husband wife son daughter sibling pupil insured policyholder
claimant witness nominee nominees heir signer signatory creator purchaser addressee manager
usuario usuarios usuaria cliente clientes persona personas paciente pacientes pasajero pasajera
pasajeros titular contacto contactos comprador vendedor empleado alumno destinatario remitente
padre madre hijo hija conyuge
passageiro passageiros contato contatos funcionario aluno mae pai filho filha conjuge pessoa
utilisateur utilisateurs client personne passager titulaire employe eleve destinataire expediteur
abonne mere pere enfant conjoint
kunde kunden kundin benutzer nutzer patienten fahrgast empfanger absender inhaber mitarbeiter
schuler kontakt mutter vater ehepartner gast mitglied
utente utenti paziente passeggero titolare dipendente studente mittente contatto ospite madre
figlio figlia coniuge
klant klanten gebruiker persoon patient passagier ontvanger afzender werknemer contactpersoon
moeder vader
klient klienta klienci uzytkownik uzytkownika osoba osoby pacjent pacjenta pasazer pasazera odbiorca
odbiorcy nadawca nadawcy pracownik pracownika matka matki ojciec ojca dziecko
kullanici musteri kisi hasta yolcu alici gonderen calisan cocuk
клиент клиента клиенты пользователь пользователя человек пациент пациента пассажир пассажира
получатель получателя отправитель отправителя сотрудник сотрудника владелец владельца контакт
мать отец матери отца ребенок ребенка
ग्राहक उपयोगकर्ता व्यक्ति रोगी मरीज यात्री माता पिता
客户 顾客 用户 会员 患者 病人 乘客 旅客 收件人 寄件人 联系人 员工 学生 持卡人 本人 父亲 母亲 紧急联系人
顧客 お客様 会員 利用者 ユーザー 患者様 乗客 受取人 送付先 連絡先 従業員 本人 担当者 父 母
고객 사용자 회원 환자 승객 수신자 수취인 발신자 직원 학생 본인 담당자 아버지 어머니
"""
"""Who the thing belongs to."""

ROLES = """
address geo gps account billing shipping delivery mailing home work office private personal business primary
secondary main alternate alternative other current new old previous my your his her their login
signup registration profile manager permanent temporary recovery backup preferred default invoice
origin destination pickup dropoff from to legal real
trabajo casa principal personal paterno materno del de la el los envio facturacion actual trabalho da do dos entrega
cobranca pessoal responsavel
domicile travail des du le les l d livraison facturation envoi principale
privat geschaftlich
lavoro della dello degli di il spedizione fatturazione
thuis werk van factuur bezorg
domowy sluzbowy dostawy
teslimat fatura
домашний рабочий мобильный доставки
का की के घर
您的 我的 家庭 公司 の 自宅 勤務先 집 회사
"""
"""Which of several it is."""

NEUTRAL = """
value values text input field raw string str data list full formatted normalized masked plain
hash hashed sha md normalised lower lowercase
valor dato campo wert feld valeur champ valore waarde wartosc
"""
"""Words of a key that change nothing; digits are none at all."""

ALIKE = {
    "addr": "address",
    "num": "number",
    "nbr": "number",
    "no": "number",
    "nr": "number",
    "nm": "name",
    "dt": "date",
    "tel": "phone",
}
"""Short forms of words, behind another: `no` and `num` say something else at the front."""

NEGATIVE = """
has is was are can should show hide hidden allow enable enabled disable disabled verified valid
invalid confirmed count counts total num sent opened clicked bounced template templates model type
types kind status state format length size error errors enabled required optional label placeholder
consent subscribed unsubscribed visible domain provider brand platform os version color screen page
button banner campaign event widget column plugin module field_name api sdk carrier manufacturer
"""
"""Words that make of a thing a fact about it: `phone_model`, `has_email`, `emails_sent`."""

NO_SECRETS = """
next previous prev page continuation cancel cancellation design has is hide show forgot forgotten
enable enabled disable disabled require requires required max min total no without
"""
"""Before `token`, `password` and their like: what is no secret, such as `next_page_token`."""

BEHIND_SECRETS = """
hash hashed hashes digest encrypted encoded base64 confirm confirmation repeat again retype verify
value values plain plaintext text raw string input field key id base salt header current old new
"""
"""Behind them: what leaves them a secret."""

NOBODYS = "account_age ga_session_id ad_id"
"""What would mean something, and is nobody's."""

EXACT: dict[Meaning, str] = {
    Meaning.PERSON: """
        $set $set_once $append $prepend $union $remove $unset $add traits externalIds external_ids
    """,
    Meaning.ADDRESS: "$region $city",
    Meaning.DEVICE: "$ios_devices $android_devices $ios_ifa $ios_ifv",
}
"""Keys of the protocols, as they are written there: what is below an operation on a profile is the
profile's."""

TEXTS: dict[Meaning, str] = {
    Meaning.NAME: """
        patient patients passenger passengers recipient recipients guest guests beneficiary
        cardholder card_holder account_holder sender assignee applicant candidate spouse
        traveler traveller attendee attendees participant participants donor payer payee employee
        student contact emergency_contact next_of_kin customer person buyer
        paciente pasajero pasajeros destinatario remitente titular contacto passageiro contato
        passager destinataire expediteur titulaire empfanger absender inhaber fahrgast paziente
        passeggero mittente passagier ontvanger pacjent odbiorca nadawca hasta yolcu alici
        пациент пассажир получатель сотрудник रोगी यात्री 患者 乘客 收件人 联系人 乗客 受取人 連絡先
        환자 승객 수신자
    """,
    Meaning.ACCOUNT: """
        user users external_ids usuario usuarios utilisateur benutzer utente gebruiker uzytkownik
        kullanici пользователь उपयोगकर्ता 用户 사용자
    """,
}
"""What a text is under a key that names a person; under others, such as `client` or `driver`, it
may be anybody's."""

WORDS: dict[Meaning, str] = {
    Meaning.PERSON: """
        =contact =contacts =patient =patients =passenger =passengers =recipient =recipients =user
        =users =customer =customers =client =clients =person =people =guest =guests =member
        =members =employee =employees =author =driver =student =students =beneficiary =cardholder
        =card_holder =account_holder =sender =assignee =subscriber =visitor =applicant =candidate
        =spouse =traveler =traveller =attendee =attendees =participant =participants =donor
        =payer =payee =buyer =shopper =rider =owner =user_data =user_info =customer_info =traits
        =profile =emergency_contact =next_of_kin
        =usuario =usuarios =cliente =clientes =persona =personas =paciente =pasajero =pasajeros
        =contacto =destinatario =remitente =titular =passageiro =contato =utilisateur =personne
        =passager =destinataire =expediteur =titulaire =kunde =kunden =benutzer =empfanger
        =absender =inhaber =fahrgast =utente =paziente =passeggero =mittente =klant =gebruiker
        =passagier =ontvanger =klient =uzytkownik =pacjent =odbiorca =nadawca =kullanici =musteri
        =hasta =yolcu =alici =клиент =пользователь =пациент =пассажир =получатель =сотрудник
        =ग्राहक =उपयोगकर्ता =रोगी =यात्री =客户 =顾客 =用户 =会员 =患者 =乘客 =收件人 =联系人
        =顧客 =お客様 =会員 =乗客 =受取人 =連絡先 =고객 =사용자 =회원 =환자 =승객 =수신자
    """,
    Meaning.NAME: """
        +name +names +title parent_name parents_name child_name childs_name friend_name doctor_name
        billing_name shipping_name delivery_name first_name last_name middle_name full_name given_name family_name maiden_name
        legal_name display_name preferred_name birth_name nick_name surname surnames forename
        forenames firstnames lastnames patronymic =nickname =initials =salutation mothers_maiden
        name_on_card holder_name contact_name person_name =fname =lname
        nombre_completo primer_nombre segundo_nombre =nombre =nombres apellido apellidos
        primer_apellido segundo_apellido nombre_y_apellidos =apodo razon_nombre
        nome_completo primeiro_nome =nome sobrenome ultimo_nome nome_da_mae nome_do_meio =apelido
        =prenom prenoms nom_de_famille nom_complet =nom nom_de_naissance nom_prenom =surnom
        vorname vornamen nachname nachnamen familienname geburtsname zuname vollstandiger_name
        rufname spitzname mädchenname
        cognome nome_e_cognome =nome_proprio soprannome
        voornaam voornamen achternaam familienaam volledige_naam tussenvoegsel roepnaam +naam
        meisjesnaam
        =imie imiona nazwisko nazwiska imie_i_nazwisko nazwisko_panienskie pelne_imie
        +ad soyad soyadi ad_soyad adi_soyadi =adi isim_soyisim soyisim =isim tam_ad
        =имя фамилия отчество фио полное_имя имя_фамилия фамилия_имя imya familiya otchestvo fio
        =नाम उपनाम पूरा_नाम प्रथम_नाम अंतिम_नाम कुलनाम पिता_का_नाम
        姓名 =名字 真实姓名 =姓 =名 姓氏 昵称 全名 中文名 英文名 曾用名 xingming
        氏名 =名前 お名前 =苗字 =名字 フルネーム フリガナ ふりがな =姓 =名 旧姓 ニックネーム
        =이름 성명 =성 성함 별명 닉네임 실명 이름과성
        apellido_paterno apellido_materno voller_name =anrede +명 +alias naam_klant
    """,
    Meaning.ACCOUNT: """
        username user_name login_name login_id =login =uid =user_id +id +ids +number +no +key
        member_number membership_number customer_number customer_no client_number employee_number
        student_number patient_number +screen_name =handle user_handle external_id external_ids
        =crm_id account_id account_ids loyalty_number frequent_flyer_number staff_id badge_number
        person_id people_id subscriber_id policy_number policyholder
        nombre_de_usuario nombre_usuario numero_de_cliente id_cliente id_usuario codigo_cliente
        matricula_empleado nome_de_usuario nome_usuario numero_do_cliente codigo_do_cliente
        nom_utilisateur nom_d_utilisateur numero_client identifiant identifiant_client
        benutzername kundennummer kunden_nr kundennr mitgliedsnummer personalnummer benutzerkennung
        nome_utente codice_cliente numero_cliente gebruikersnaam klantnummer klantnr lidnummer
        nazwa_uzytkownika numer_klienta kullanici_adi musteri_no musteri_numarasi kullanici_kodu
        имя_пользователя логин номер_клиента उपयोगकर्ता_नाम ग्राहक_संख्या
        用户名 用户id 用户编号 客户编号 会员号 会员卡号 账号 账户名 登录名 工号 学号
        ユーザー名 ユーザid 会員番号 顧客番号 ログイン名 社員番号 사용자명 아이디 회원번호 고객번호 사번
        created_by updated_by modified_by assigned_to performed_by approved_by invited_by requested_by
        submitted_by uploaded_by deleted_by owned_by loyalty_id
    """,
    Meaning.EMAIL: """
        email emails e_mail email_address mail_address =mail emailaddr
        correo correos correo_electronico direccion_de_correo email_do_cliente
        courriel courriels adresse_mail adresse_email adresse_electronique mél
        emailadresse mailadresse e_mail_adresse indirizzo_email posta_elettronica =posta
        e_mailadres emailadres adres_email poczta =e_posta eposta eposta_adresi
        почта электронная_почта эл_почта емейл имейл pochta ईमेल ई_मेल
        邮箱 电子邮箱 电子邮件 邮件地址 邮箱地址 メール メールアドレス 電子メール 이메일 메일주소 전자우편
        reply_to =email_id ईमेल_पता 이메일주소 emails_of
    """,
    Meaning.PHONE: """
        phone phones telephone telephones phone_number phone_no telephone_number =tel tel_number =mobile +cell
        mobile_phone mobile_number mobile_no cell_phone cell_number cellphone =fax fax_number
        =msisdn whatsapp whats_app whatsapp_number landline contact_number contact_no =sms
        sms_number =telegram_number dial_number phone_e164 call_back_number callback_number
        telefono telefonos numero_de_telefono telefono_movil =movil celular numero_celular
        numero_de_celular telefono_fijo telefone telefones telemovel numero_de_telefone fone
        =tel_portable telephone_portable numero_de_portable telephones mobile_perso
        telefon telefonnummer handy handynummer mobilnummer mobiltelefon rufnummer festnetz
        faxnummer =mobil cellulare numero_di_telefono numero_cellulare recapito_telefonico
        telefoon telefoonnummer mobiel mobiele_nummer mobielnummer gsm_nummer
        numer_telefonu telefon_komorkowy komorka nr_telefonu nr_tel
        cep_telefonu telefon_numarasi cep_no =cep gsm_no
        телефон телефоны номер_телефона мобильный моб_тел сотовый тел_номер =тел telefonu
        फ़ोन फोन मोबाइल मोबाइल_नंबर फोन_नंबर दूरभाष
        电话 手机 手机号 手机号码 电话号码 联系电话 联系方式 座机 传真 移动电话 shouji dianhua
        電話 電話番号 携帯 携帯番号 携帯電話 携帯電話番号 ファックス 手機 手機號碼
        전화 전화번호 휴대폰 휴대폰번호 핸드폰 연락처 휴대전화 팩스
    """,
    Meaning.ADDRESS: """
        =address =addresses street street_address street_name street_number address_line
        address_line_1 address_line_2 home_address postal_address mailing_address shipping_address
        billing_address delivery_address residential_address =line1 =line2 =house_number =apartment
        apartment_number =apt postcode post_code postal_code zip_code =zip =zipcode =city =town
        =hometown residence =suburb =county =locality
        direccion direcciones domicilio =calle codigo_postal =ciudad =poblacion =colonia numero_de_casa
        endereco enderecos logradouro =rua =bairro =cep_postal =cidade numero_da_casa complemento
        =adresse =adresses adresse_postale =rue code_postal =ville numero_de_rue
        strasse straße anschrift hausnummer postleitzahl =plz wohnort =ort =stadt postanschrift
        lieferadresse rechnungsadresse wohnadresse
        indirizzo +via codice_postale +cap =citta numero_civico residenza
        =adres straat straatnaam huisnummer =woonplaats woonadres
        ulica kod_pocztowy =miasto =miejscowosc numer_domu nr_domu adres_zamieszkania adres_domowy
        =adresi ev_adresi sokak =mahalle =cadde posta_kodu =sehir =ilce acik_adres
        =адрес =адреса улица почтовый_индекс =индекс =город =дом квартира адрес_проживания ulitsa
        =पता घर_का_पता =सड़क पिन_कोड =शहर डाक_कोड
        =地址 住址 家庭住址 家庭地址 详细地址 收货地址 街道 邮编 邮政编码 =城市 门牌号
        住所 =番地 郵便番号 市区町村 町名 自宅住所 都道府県 建物名
        =주소 집주소 우편번호 도로명 상세주소 배송지 배송지주소 =도시
        ship_to bill_to +village +district =addr =apartment_number
    """,
    Meaning.LOCATION: """
        =lat latitude =lng =lon longitude =coordinates =coords =coordinate geo_point geo_location
        geolocation gps gps_location gps_coordinates =geo lat_lng lat_long latlng latlon lat_lon
        +location current_location last_location home_location user_location what3words =geohash
        latitud longitud coordenadas ubicacion localizacao coordonnees breitengrad
        langengrad standort koordinaten latitudine longitudine coordinate_gps posizione
        breedtegraad lengtegraad locatie szerokosc_geograficzna dlugosc_geograficzna lokalizacja
        enlem boylam konum широта долгота координаты местоположение अक्षांश देशांतर स्थान
        纬度 经度 坐标 位置 定位 緯度 経度 座標 位置情報 現在地 위도 경도 좌표 위치
    """,
    Meaning.BIRTH: """
        birthday birth_day birthdate birth_date date_of_birth =dob birth_year year_of_birth
        +born birth_place place_of_birth =age age_years =bday
        cumpleanos fecha_de_nacimiento fecha_nacimiento lugar_de_nacimiento =edad nacimiento
        aniversario data_de_nascimento data_nascimento nascimento =idade
        anniversaire date_de_naissance date_naissance lieu_de_naissance naissance =age_ans
        geburtstag geburtsdatum geburtsort geburtsjahr +alter
        compleanno data_di_nascita data_nascita luogo_di_nascita +eta
        geboortedatum geboorteplaats verjaardag =leeftijd
        data_urodzenia urodziny miejsce_urodzenia =wiek dogum_tarihi dogum_gunu dogum_yeri =yas
        дата_рождения день_рождения год_рождения место_рождения возраст
        जन्मतिथि जन्म_तिथि जन्मदिन जन्म_स्थान आयु उम्र
        生日 出生日期 出生年月 出生地 年龄 生年月日 誕生日 出生地 年齢 생년월일 생일 출생지 나이 연령
    """,
    Meaning.TRAIT: """
        gender =sex nationality citizenship religion religious_beliefs ethnicity ethnic_origin +race
        marital_status sexual_orientation political_party political_affiliation political_opinion
        political_views trade_union union_membership =pronouns immigration_status criminal_record
        =sexo =genero nacionalidad estado_civil orientacion_sexual etnia raza afiliacion_politica
        nacionalidade orientacao_sexual religiao estado_civil
        =sexe +genre nationalite situation_familiale etat_civil orientation_sexuelle
        geschlecht staatsangehorigkeit nationalitat familienstand konfession sexuelle_orientierung
        =sesso =genere nazionalita stato_civile orientamento_sessuale religione
        geslacht nationaliteit burgerlijke_staat geloof plec narodowosc obywatelstwo stan_cywilny
        wyznanie cinsiyet uyruk medeni_hal medeni_durum dini +din
        =пол гражданство национальность семейное_положение вероисповедание
        लिंग राष्ट्रीयता वैवाहिक_स्थिति धर्म जाति
        性别 国籍 民族 婚姻状况 宗教 宗教信仰 政治面貌 性別 国籍 婚姻状況 宗教 성별 국적 결혼여부 종교 민족
    """,
    Meaning.OFFICIAL: """
        ssn social_security social_security_number social_insurance_number =sin national_id
        national_id_number national_insurance_number national_insurance nino nhs_number nhs_no
        passport passport_number passport_no identity_number identity_card id_card id_card_number
        =id_number citizen_id driving_license driving_licence driver_license drivers_license
        driver_licence license_number driving_license_number tax_id tax_number =tin itin
        tax_file_number =tfn medicare_number visa_number residence_permit voter_id green_card_number
        license_plate number_plate plate_number =vin vehicle_id_number personal_number
        aadhaar aadhar aadhaar_number aadhar_no aadhaar_no pan_card =pan_number =pan_no
        dni nie =nif =cif curp rfc numero_dni numero_de_documento documento_de_identidad
        numero_seguridad_social seguridad_social pasaporte numero_pasaporte cedula =rut run_chileno cuit cuil
        =nit matricula_vehiculo licencia_de_conducir
        cpf cnpj =rg =pis titulo_de_eleitor passaporte carteira_de_identidade contribuinte
        numero_de_contribuinte cartao_de_cidadao numero_utente
        numero_securite_sociale numero_de_securite_sociale securite_sociale =nir passeport
        carte_d_identite numero_fiscal permis_de_conduire plaque_immatriculation
        steuer_id steuernummer steueridentifikationsnummer sozialversicherungsnummer ausweisnummer
        personalausweis personalausweisnummer reisepass reisepassnummer fuhrerschein
        fuhrerscheinnummer kennzeichen ahv_nummer ahv svnr rentenversicherungsnummer =idnr
        codice_fiscale carta_d_identita numero_carta_identita passaporto patente partita_iva =targa
        bsn burgerservicenummer sofinummer rijksregisternummer paspoort paspoortnummer kenteken
        rijbewijs rijbewijsnummer pesel =nip numer_dowodu dowod_osobisty numer_paszportu paszport
        tckn tc_kimlik_no kimlik_no tc_no vergi_no pasaport_no ehliyet_no plaka
        инн снилс паспорт номер_паспорта серия_паспорта =inn snils pasport
        आधार आधार_संख्या आधार_नंबर पैन पासपोर्ट_संख्या
        身份证 身份证号 身份证号码 护照 护照号 护照号码 驾驶证号 社保号 车牌号 证件号码 id_card_no
        マイナンバー 個人番号 旅券番号 パスポート番号 免許証番号 基礎年金番号
        주민등록번호 주민번호 여권번호 운전면허번호 외국인등록번호 rrn my_number
        personnummer fodselsnummer hetu henkilotunnus cpr_nummer =cpr cpr_number =cnp rodne_cislo egn
        amka ppsn pps_number =pps teudat_zehut za_id_number thai_id_number nric fin_number emso oib
        egn_number isikukood asmens_kodas rodne_cislo adoszam taj_szam za_id personal_code =jmbg
        government_id govt_id taxpayer_id insurance_number numero_secu tc_kimlik numero_documento
    """,
    Meaning.HEALTH: """
        diagnosis diagnoses blood_type blood_group medical_record medical_record_number =mrn
        health_condition medical_condition medical_history allergies allergy medication medications
        prescription prescriptions disability disabilities symptoms =pregnancy pregnant =hiv_status
        vaccination health_insurance_number =bmi =weight_kg mental_health disease illness +treatment medical_treatment
        heart_rate blood_pressure glucose
        diagnostico enfermedad alergias medicamentos discapacidad grupo_sanguineo historia_clinica
        embarazo doenca alergias_cliente medicacao deficiencia tipo_sanguineo
        diagnostic_medical maladie allergie medicaments groupe_sanguin handicap
        diagnose krankheit blutgruppe allergien medikamente behinderung krankenversicherungsnummer
        diagnosi malattia gruppo_sanguigno allergie farmaci disabilita
        ziekte bloedgroep medicijnen rozpoznanie diagnoza choroba grupa_krwi leki alergie
        tani teshis hastalik kan_grubu ilaclar alerji диагноз болезнь группа_крови аллергия лекарства
        निदान बीमारी रक्त_समूह एलर्जी दवा 诊断 疾病 血型 过敏史 病史 用药 病历号
        診断 病名 血液型 アレルギー 服薬 병명 진단 혈액형 알레르기
    """,
    Meaning.FINANCE: """
        salary =income annual_income =wage =wages net_worth bank_account bank_account_number
        account_number =iban iban_number bic_iban routing_number sort_code credit_score
        credit_rating credit_limit bank_name_of_holder =net_pay loan_amount debt_amount
        salario sueldo ingresos cuenta_bancaria numero_de_cuenta numero_cuenta =clabe =cbu
        renda conta_bancaria numero_da_conta chave_pix salaire revenu compte_bancaire
        numero_de_compte =rib gehalt einkommen kontonummer bankverbindung bankkonto lohn
        stipendio reddito conto_corrente conto_bancario salaris inkomen rekeningnummer bankrekening
        wynagrodzenie pensja dochod numer_konta nr_konta rachunek_bankowy maas gelir hesap_no
        banka_hesabi зарплата доход номер_счета банковский_счет оклад वेतन आय बैंक_खाता खाता_संख्या
        工资 薪水 收入 银行账号 银行卡号 银行账户 給与 年収 口座番号 銀行口座 급여 연봉 소득 계좌번호
        monthly_income
    """,
    Meaning.CARD: """
        card_number credit_card credit_card_number debit_card debit_card_number cc_number =cc =pan
        card_no cardnum card_pan payment_card =cvv =cvc =cvv2 =cvc2 card_security_code card_expiry
        numero_tarjeta numero_de_tarjeta tarjeta_de_credito numero_do_cartao cartao_de_credito
        numero_carte carte_bancaire numero_de_carte kartennummer kreditkarte kreditkartennummer
        numero_carta numero_della_carta carta_di_credito kaartnummer creditcard numer_karty
        karta_kredytowa kart_numarasi kart_no kredi_karti номер_карты кредитная_карта कार्ड_नंबर
        卡号 信用卡号 信用卡 カード番号 クレジットカード番号 카드번호 신용카드번호
        card_exp card_expiration =expiry_date_of_card cartao_credito card_cvv
    """,
    Meaning.SECRET: """
        password passwords passwd =pwd passphrase passcode pass_code =pin pin_code =otp one_time_code
        secret secrets client_secret api_key api_keys apikey api_token access_token refresh_token
        id_token auth_token session_token bearer_token private_key secret_key access_key
        signing_key encryption_key authorization proxy_authorization =cookie =cookies set_cookie
        credential credentials session_id =sid jsessionid phpsessid csrf_token xsrf_token
        security_answer security_question recovery_code backup_code mfa_code verification_code
        connection_string x_api_key x_auth_token
        contrasena contraseña clave_secreta clave_de_acceso palabra_clave senha palavra_passe
        mot_de_passe motdepasse passwort kennwort geheimnis parola parola_d_ordine
        wachtwoord haslo sifre пароль парол पासवर्ड 密码 口令 密钥 パスワード 暗証番号 비밀번호 암호
        token bearer =jwt =csrf =xsrf ssh_key session_key otp_code one_time_password
    """,
    Meaning.DEVICE: """
        device_id =device_ids device_identifier imei imei_number imsi iccid meid advertising_id adid
        idfa idfv gaid aaid =oaid android_id serial_number device_serial device_token push_token
        =udid hardware_id machine_id browser_fingerprint device_fingerprint +fingerprint
        installation_id_of_device vendor_id_for_ads =rida =tifa =msai
        id_dispositivo identificador_de_dispositivo geratenummer gerate_id identifiant_appareil
        设备id 设备号 设备序列号 序列号 端末id 端末番号 기기id 기기번호 cihaz_kimligi идентификатор_устройства
        device_uuid device_udid
    """,
    Meaning.NETWORK: """
        ip ip_address ip_addresses ip_addr ips =ipv4 =ipv6 ipv4_address ipv6_address client_ip
        remote_addr remote_address remote_ip peer_ip peer_address client_address source_ip
        source_address host_ip server_ip x_forwarded_for =forwarded forwarded_for =xff true_client_ip
        connecting_ip x_real_ip =mac mac_address mac_addr hardware_address wifi_mac bssid =ssid
        direccion_ip endereco_ip adresse_ip indirizzo_ip ip_adresse ipadresse ip_adres adres_ip
        ip_adresi айпи_адрес ip_адрес आईपी_पता ip地址 ipアドレス ip주소 mac地址
    """,
    Meaning.PROFILE: """
        =avatar avatar_url =photo photo_url profile_photo profile_picture profile_image selfie
        signature_image =bio =biography linkedin linkedin_url linkedin_profile twitter_handle
        facebook_id facebook_url instagram_handle instagram_username github_username skype skype_id
        wechat wechat_id telegram_username snapchat tiktok_handle line_user_id =kakao_id voice_recording
        face_id face_template biometric biometrics foto_de_perfil photo_de_profil profilbild
        foto_profilo profielfoto 头像 微信 微信号 顔写真 프로필사진
        profile_pic user_image user_picture user_photo +twitter +facebook +instagram +linkedin +github
        github_login twitter_username
    """,
}
