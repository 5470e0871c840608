El candado está roto.
Me bajaré en la última parada.
¿Cómo te gastaste el dinero que te di?
¿Cuál es el medicamento más efectivo para el dolor de cabeza?
Yanni quiere hacer eso con Skura.
La tribu de los sioux pidió al gobierno que cumpliera el tratado.
Él es un buen violinista.
Durante dieciocho años, Tove pasó todos los veranos en una isla remota del archipiélago finlandés.
¿Había alguien más que supiera tu contraseña?
No tengo una hermana mayor.
¿Te gustaría ir?
La velocidad de la luz es mucho mayor que la del sonido.
Un helicóptero aterrizó en el claro.
Me quemé con el sol.
Yo también debo comer.
Se nos acabó el té.
¿Por qué está enfadado?
Quiero que todos se vayan.
Ni siquiera conozco al tipo.
A mí me parece una idea estúpida.
Hay dos personajes principales en esta historia.
No quiero salir esta tarde.
Yanni es un viejo amigo.
Hay que intentar romper el techo de cristal.
Escuchemos música.
Ponlo en la alacena.
Mike ha regresado de la biblioteca a las cinco.
¿No puedes diferenciar entre fantasía y realidad?
Estoy planchando mi vestido.
Soy un gran fanático del arte.
No creo que sea suficiente.
Él abusa de su autoridad.
¿Ya es invierno?
Podías haber esperado unos días más.
No agraves el problema.
Che, ¿qué está pasando?
Alguien ama a todos.
¿Quién es usted? Supongo que usted no es de por aquí.
¿A qué hora vas a la escuela?
También lo habría hecho por ti.
Necesito un nuevo cinturón.
No creo que esté sola.
¿Te duele cuando respiras?
Dirás y harás cosas que tus padres dijeron e hicieron, aunque jurases que nunca lo harías.
El volcán retumbó.
Casi no hay tiroteos en Japón.
Es lo mejor que podemos hacer por el momento.
Tom ha corrido mucho esta semana.
¿Tienes dificultades al orinar?
Él es puntual.
Dormir es la mejor meditación.
Los niños se cansan rápido.
La práctica es más importante que la teoría.
Tom coqueteó con la mesera.
Ellos renovaron la casa de su abuela y trajeron muebles modernos.
Sigo olvidándome de eso.
¿Quién nos iba a decir que el niño rollizo del otro lado de la calle se convertiría en un culturista de fama mundial?
¿Dónde llueve?
¿Quieres ir al zoo?
El niño iba acompañado por sus padres.
La alacena está cerca del frigo.
Qué lástima que murió tan joven.
Tom entró a la habitación.
Todos se acordaban de Tom.
Tienes que cerrar la boca.
Yanni tiene un proyecto de ciencias.
Corrí tan rápido como un rayo.
Su abuela es una dama encantadora.
Cuando era un niño pequeño no me gustaba nada la oscuridad.
Tom descansó a la sombra de un árbol.
La semana que viene lo explicaré en detalle.
Sigo obteniendo mensajes de error.
Lo que pasó fue un malentendido.
Dice que no sabe jugar al billar, pero siempre gana. Debe de ser la suerte del principiante.
Matar gente mientras rezan es la cosa más innoble imaginable.
Ahora Yanni está escuchando.
Tom estaba con Mary todo el día.
Ni se te ocurra pedirme que te deje salir con mi hija.
Tony me gustaba.
Mary fue abducida por alienígenas.
Esta película es realmente buena.
Tom apagó el fuego.
Estudio latín porque es mi lengua favorita.
Bobby Fischer es el jugador de ajedrez más famoso de Estados Unidos.
Un buen profesor debe ser paciente con sus pupilos.
Tom ignoró mi comentario.
La Policía lleva casi un mes buscando los bienes robados.
Soy una ciudadana de los Estados Unidos.
Fue decisión suya.
La chica y sus padres eran muy simpáticos.
Él reinó con justicia su reino.
¿Cuánto puedes entender de lo que he escrito aquí?
Creo que es verdad lo que ustedes están diciendo.
El tren no ha llegado aún.
Hoy hace viento helado.
¿Sientes que tu futuro no tiene esperanza?
Mis bolsillos están llenos.
Me corté el dedo.
Ellos no lo saben bien.
Yanni es un neurólogo certificado argelino.
Empieza tu mañana con café.
Es muy importante para mí.
Alrededor de siete de cada diez estrellas de nuestra Vía Láctea son las llamadas enanas rojas.
He vuelto a empezar a hacer deporte.
Es bastante posible.
Mi padre ocupa bien su tiempo.
¿Tú crees que estaría aquí si hubiera encontrado trabajo?
Él viajó con su familia a Hawai.
Eres libre de vivir tu vida de la manera que quieras.
No puedo soportar la idea de perderte.
Tienes tres segundos.
Ya no lo puedo esperar más.
Yo me quedé pensando en esa conversación y sobre si el concepto de belleza es universal, o es relativo y depende del gusto de cada uno.
¡Dame tu almuerzo, nerd!
No te estoy insultando, te estoy describiendo.
Mañana estaré ocupado.
Dios es infalible.
El mono está en la jaula.
¿Cuánto tiempo te ha estado él mintiendo?
Los terrícolas no pueden pronunciar mi nombre, pero me pueden llamar Tom.
Tom quería adelgazar.
Tom tenía puesto un traje de baño verde.
Fue idea de Tom, no mía. No me eches la culpa.
Él nunca me creyó lo que le dije.
Dios ha ordenado que todo hombre ha de morir.
Ya es hora de que cambies de hábitos.
¡Quiero salir de aquí!
El matrimonio precipitado rara vez tiene éxito.
Nos pusimos los calcetines.
¿Cómo te lastimaste el cuello?
Tom está doblando su camisa.
¿Cuándo fue la última vez que diste de mamar a tu bebé?
Trato de no leer las noticias.
Estoy interesado en todo tipo de deportes.
¿Debería dimitir?
Al Sr. Hashimoto lo conocen todos.
Skura derramó un vaso de zumo sobre su vestido cabilio.
Sois una pareja maravillosa.
Yo soy del Barcelona, pero en el partido de hoy voy con el Real Madrid.
Soy muy feliz aquí.
En tiempos difíciles, las personas pueden no hacer un viaje, pero pueden estar dispuestas a pagar extra por un buen café.
Yanni tenía que ir al cuarto de baño.
La ciudad entera quedó sin electricidad.
El canto de la curruca capirotada se puede oír desde las dos hasta las dos y media.
Nadie se esperaba esto de Tom.
A Yanni nunca le gustó ese trabajo.
¿Leyó usted la extra de esta mañana?
¿Estás seguro de querer usar eso?
Discutir por Twitter no merece la pena.
Lo siento. Nunca tuve la intención de lastimarte.
Quiero otra cerveza.
Ocurrió en abril de este año.
¿Estás conectado a internet?
¡Espero que tu día haya sido grandioso!
Mi esposa quería adoptar un niño.
Tom se compró la casa hace treinta años.
Es una mala persona.
Hay leche en el refrigerador.
¿Quién es el que corre mas rápido en tu clase?
Ellos pelearon una feroz batalla.
Hay mucho mal en el mundo.
Te deseo una feliz Navidad.
Su historia no puede ser cierta.
"Pruebe esto." "¿Qué es?" "Es cuscús."
Augusto es mi hijo más amado.
¿Cuál es tu lugar preferido para ir cuando querés estar sola?
Tom puede contar el secreto.
¿Por qué querrías eso?
El piloto realizó un aterrizaje de emergencia en el desierto.
¿Por qué no me dijiste que Tom tenía novia?
Mi papá está en el baño afeitándose.
¿Es el turno de quién?
Es Tom otra vez.
¿Está deliciosa la sopa?
No deberías apresurarte al tomar decisiones. A veces, es útil sentarse y reflexionar.
Pensaba que me habías entendido.
Mary está enamorada del chico de pelo rubio.
Tú me entiendes.
Mi amigo húngaro dijo que Toki Pona es su araña, pero no explicó qué quería decir con eso.
No tenemos más tiempo.
Los niños comenzaron a llorar.
¿Dónde compraste una cámara profesional?
¿Qué tipo de método anticonceptivo usas?
Yanni empezó a gritar a Skura.
Hablamos del asunto desde un punto de vista educativo.
Hay un extraño en frente de la casa.
¿Quién es el presidente de este país?
No confíes en Tom. Es policía.
Las estrellas no se ven durante el día.
Tom es finlandés.
Piensa en cuánto peor podría haber sido si Tom no hubiese estado allí.
La gente religiosa es nada especial.
¿Qué occurre dentro del quirófano?
Me alegra que te guste.
Él tocó su cabello.
Tom casi perdió la vida tratando de salvar a Mary.
Paula dijo que no vendría porque había quedado con su novio, pero era mentira.
Tom es difícil de aplacar.
Necesito beber agua.
No ve la tele nunca.
Lo siento, no me siento bien.
Ella pasó una página de su libro.
Me disfracé de mujer para que Tom no pudiera reconocerme.
No dejes que esto se haga un hábito.
Me gusta mucho escribir, ¿y a ti?
No le queda ni el ánimo de reñir.
Cuando el jugador soltó la pieza que tenía en la mano para coger otra, su contrincante le dijo "pieza tocada, pieza jugada", obligándole a mover la primera pieza que había elegido.
Todos sonreían.
Dolió tanto.
Tom no quiere comer tarta porque no quiere engordar más.
Creo que Tom puede que sea un genio.
Hay diccionarios y diccionarios.
Por favor, coge una silla para Tom.
Todos tenemos deberes que cumplir.
¿Quién ha partido el pastel?
Por favor, acepte mis sinceras disculpas por mi impertinencia.
Ellos están por partir.
Tom todavía no encontró lo que está buscando.
¡Ni soñarlo!
Ya ha comido.
Tatoeba es una gran manera de procrastinar.
Entonces, quedamos en doscientos, ¿no?
Su nombre es Mario y podría pasar por el personaje.
Me dijo que él estaba ausente.
El tío de Tim era un artillero en un helicóptero en Vietnam.
Le es difícil resolver este problema.
He tomado un medicamento para mi dolor de estómago.
Me encanta el pan fresco.
Hay algo que tenés que saber.
Soy argentino.
Cualquiera que haya jugado al ajedrez un par de veces entiende cómo puede ser extremadamente fascinante.
¿Consumes marihuana?
Tienen problemas de presupuesto.
Era la primera vez que Tom vivía solo.
Tom no tiene televisión.
Lo que otros piensen sobre mí no es asunto mío.
En francés, por favor.
No debería decírtelo.
Vi un niño con zapatos coloridos.
Soy un niño lindo, ¿verdad?
La estatua de Perun fue arrojada al Dniéper.
Lamento llegar tarde.
¿Necesito una corbata?
Perdóname amor mío.
¿Prefiere vino blanco o vino tinto?
Cada día nace gente talentosa.
Fue un beso muy romántico.
Yanni está enviando mensajes de texto a alguna otra persona.
No puedo trabajar más.
Él es mucho más viejo de lo que parece.
¡Que tengas una gran clase!
Conoceré mejor la gente del país.
Tom volvió al trabajo.
Me encantan las mariposas.
La serendipia es la facultad de hacer, accidentalmente, descubrimientos felices e inesperados.
Yo me lo imaginaba más alto.
El insecto es chiquito, pero muy peligroso.
Ellos tienen un hobby en común.
El agua que tomaste estaba a la temperatura del ambiente.
No le gusta nadar.
Quiero comprar pan.
Las reglas de la lógica son para las matemáticas lo que las de la estructura son para la arquitectura.
¿Os preocupáis por el medioambiente?
Mary nada igual de rápido que Jack.
¿Por qué no salen de casa?
Lo único que entienden los socialistas acerca del dinero es que lo quieren obtener de otros.
¡Ven conmigo!
Me sentí muy solo.
Puedo ver a una mujer y a dos perros dentro del auto.
Tomás dijo que estaba asustado.
Una mula es un cruce entre un burro y una yegua.
Yanni es rápido indicando cosas negativas.
Ése sí que es viejo.
Yanni estuvo inspirado.
El equipo campeón mundial japonés regresó a casa con la victoria.
A mis amigos les gusta el helado de chocolate.
Tom todavía es tu mejor amigo, ¿no?
Decía que le habían engañado.
No olvidéis que soy una persona.
Sí, traje el libro de vuelta.
Jamás pensé que tendría que sostener a una familia tan numerosa.
Tom se tomará un par de días la próxima semana.
¿No puedes esperar un poco?
¡Estás loco por haber salido con una tormenta así!
Eso complica la cosa.
"¿Por qué no me puedo enamorar de alguien?" "Porque no eres protagonista."
Hoy hace un madral de calor.
Escuchando a Mahler, Lyusya siempre pensaba en la muerte y en la vida eterna.
¿Me puede ayudar a encontrar a mis padres, por favor?
No prestes atención a lo que digan los demás, lo importante es lo que tú pienses.
Yo leí la carta primero.
Me voy a reunir con Tom a las dos y media.
Están caminando sin zapatos.
"¿Me vas a comer?", preguntó el conejo gimoteando. A lo cual el zorro respondió "¿Por qué haría yo algo así? Soy vegetariano."
Los dirigibles son un tópico habitual en las obras steampunk.
Tom quiere ser un traductor.
No te sientas mal por lo que le pasó a Tom.
Tom no está estudiando geología, está estudiando geografía.
Bienvenido al nivel 3.
Ella se divirtió mucho en la fiesta de ayer.
Tom es el mismo de nuevo.
No hay cura.
Me voy de acampada con Tom.
Un avión surgió de quién sabe dónde.
Lo siento, no llevo mi reloj.
No olvidemos.
Tom se rio cuando se rieron los demás, pero en realidad no había entendido ni una palabra de lo que se había dicho.
No puedo explicarme lo ocurrido.
Le gusta la rutina y se preocupa por los cambios.
Usted no debe saltar a conclusiones.
Pero las comadronas temían a Dios, y no hicieron lo que les había mandado el rey de Egipto, sino que dejaban con vida a los niños.
Esta es una carretera privada.
Empecé a hablar.
Se debe encontrar una manera de evitar la inflación.
Nadie se percató del error.
¡Vivimos en un país donde la única forma de tener justicia es haciéndola!
Las personas lucen como hormigas.
Un pluot es un cruce entre una ciruela japonesa y un albaricoque.
Este verano es más frío de lo normal.
Yanni debería de dejar de sabotearse.
Yo conozco una manera muy buena de hacerlo.
La boda será bonita.
Salgo un momento.
Cierra la puerta, por favor.
Es el turno de Tom.
Yanni descubrió sus espectaculares abdominales.
Tengo un cazasueños en mi cuarto pero no creo que funcione, aunque es muy bonito.
No seas ridícula.
Se rió a pesar de él.
¿Adónde va esta pieza?
Esperando el autobús, me encontré a mi amigo.
Hoy hizo calor.
Solía haber un pequeño santuario por aquí.
Permíteme recapitular lo que se dijo.
Si no estás ocupado, ¿me podrías ayudar un poco con esto?
Debo encargar un nuevo traje a medida.
La amo.
La estaca que sobresale es machacada hacia abajo.
¿Quién escribió el libro que estás leyendo?
Es una de mis mejores amigas.
Me gusta tener amigos en todos los países.
Tom se preguntaba lo que Mary diría a John.
Su hermano llevaba treinta años siendo camionero.
Yanni le pidió consejo a Skura.
No tienes llave para esta puerta, ¿verdad?
Probablemente a Tom lo despedirán por lo que ha hecho.
Tom nos está esperando en su oficina.
Él es un mentiroso compulsivo.
Es imposible hacer una generalización con datos obtenidos tan precariamente.
¿Cómo puedes soportar el ruido?
Ha estado saliendo con él durante unos dos años.
David Beckham vive en América ahora.
Esta noche, la luna está excepcionalmente bella.
Llamémonos mañana.
Lo sabía.
No sería capaz de responder algo así.
Hola, mi nombre es John Reindle. Trabajo en la Embajada Americana de Praga.
La edad no es barrera para el amor.
El problema sigue sin resolverse.
La muerte de Tom vino de sorpresa.
Está claro.
Necesito hacerte la prueba de la tuberculosis.
Yo estoy trabajando para que tú puedas aprender Quechua.
Déjalo marchar, Yanni.
España controlaba Florida.
La nueva ala se abrirá en octubre.
No abrió la boca para protestar.
¿Por qué no intentamos acelerar las cosas?
De todas formas, aún necesitamos una explicación científica de cómo exactamente los procesos cerebrales causan dolores.
No te compares con Tom.
¿Puede decirme qué está pasando?
¿Es la salvia medicinal?
No eres canadiense.
Tom no sabe si le gusta a Mary.
¿Estás seguro de que eres un hablante nativo de francés?
Me gusta jugar al tenis y al golf.
Lo haré que te llame en el momento que regrese.
Tom me ama, y yo a él.
¿Pensáis que estoy gordo?
Había diez personas hacinadas en la pequeña habitación.
Creía que te alegrarías de verme.
Es un hueso duro de roer.
Deme la mitad.
Tenemos tres nietos.
Quiero que conozcas a alguien.
Tom vino a verme el lunes.
El juguete está hecho de madera.
Mi esposa ama el pastel de manzana.
Yo también empecé a llorar.
¿Le picó una abeja?
El hombre es agua.
¿Cuánto tiempo has tenido la lengua de ese color?
El bastón de mi abuela está hecho de madera del pino.
Él hizo todo lo que pudo para rescatarla.
Él por fin aprobó nuestro plan.
Los votantes escogieron a Nixon el día de las elecciones.
Judit es una ajedrecista más fuerte que Zsuzsa.
La señora bajita que hay allí es mi madre.
Tienes las manos aguadas.
Existir es ser percibido.
Es hora de tomar mi medicina.
¿Dónde Tom se ha estado escondiendo?
Tim escribe como si fuera zurdo.
La competición es feroz.
Él se bajó del autobús.
No es bueno madrugar tanto.
Jack dejó de hablar de repente cuando Mary entró en la habitación.
Quisiera ganar más dinero.
No olvidaremos a Tom.
Me gustan los coches viejos.
Tom viene aquí casi todos los días.
No te quites los guantes.
Él se convirtió en un exitoso abogado.
Me gustaría darte un consejo.
Después de eso no volví a verlo.
Tom es completamente inconsecuente.
Tom cortó la lechuga.
Tengo ganas de abrazarte.
Utilizo una Mac y no puedo leer un fichero de Windows 95.
Pan y mantequilla es mi desayuno habitual.
¡El tío está como una cabra!
Tom no está lavando el coche.
El cáncer puede ser curado si es descubierto a tiempo.
Me gustaría aprender alemán.
Ella prepara exquisitos platos en un abrir y cerrar de ojos.
Es una chica rubia.
Aquí hay mucho movimiento.
Has sido una gran ayuda para nuestra familia.
A Tom le gusta la comida italiana.
Estos son los Estados Unidos: habla el idioma que quieras.
Ustedes dormían.
¿Necesitas dinero?
¿Esto está bien?
Nos llamaremos por la tarde.
Yo me quedo con el coche y el perro.
Tom quería despedir a Mary, pero John se lo impidió.
¿Qué hay de malo en la manera en que hago esto?
Lo mantenian custiodiado por turnos.
Solía vivir con Tom en su apartamento.
Es una estafa, Yanni.
Imagínate que lo está leyendo, ¿qué te gustaría decirle?
Está bebiendo agua fresca.
Tom se voluntarió para ayudar.
Tom pasa mucho tiempo al teléfono.
¿Qué periódico coge ella?
A pesar de todos los contratiempos, él permanece optimista.
Mañana será peor.
Seré el último en hacer eso.
Anoche fui a dormir a Londres.
Él siempre está dispuesto a ayudar a los demás.
Me siento más despierto después de tomar una taza de café.
¿Estás seguro de que no puedes venir conmigo?
No me dejes aquí.
No sé qué estás diciendo.
Oiga, ¿me pasa con el Sr. Johnson, por favor?
Tom fue quien me lo explicó.
Ahora, Muiriel tiene 20 años.
"Las preguntas estúpidas no existen." "¿Cómo fue que Leonardo DiCaprio inventó la Mona Lisa si no había color en el siglo XIX?" "Retiro lo dicho."
Ella se frotó la cara con un pañuelo.
El teléfono no funciona, Sr. Tamori.
«¿Dónde habré dejado mis pastillas para dormir?» «¿Has mirado en tu mesilla de noche?»
Yanni intentó abrir la puerta.
El Capitán Jackson está al mando del buque insignia.
Soy consciente de lo que está en juego.
Debo pensar si es realmente bueno para mí.
Tom se la voló con su broma.
Tuvimos mucha lluvia el año pasado.
Japón ahora es muy diferente de lo que era hace veinte años.
La vida es un día, y ese día es hoy.
¿Has ido al corazón de la Europa?
No hay nada que no haga por mi familia.
El libro me pareció muy interesante.
Este cristal es muy caro, al parecer.
Tom sabe cosas.
Están buscando trabajo.
Mary es una mujer muy abnegada.
Tengo unas cosas que quiero hacer ahora mismo.
Revísalo todo una vez más.
En las últimas dos semanas, ¿has tenido contacto estrecho con alguien con síntomas parecidos a los de la gripe?
¿La encuentras atractiva?
Tom es una buena persona con muchos defectos.
No te olvides de venir a recogerme mañana a las seis.
Tom hizo un trabajo sobresaliente.
Ella no puede estar en este hotel, porque ella regresó a Canadá.
Los perros comerán casi cualquier cosa.
Me pidieron que esperase aquí.
Tom no pudo oír lo que estaba diciendo Mary.
Donde hay humo, hay fuego.
Tom se fue con paso ligero.
Las manzanas van a estar maduras luego.
¿Se siente como que no puede conectar con otras personas?
Tom se comprometió con una chica hermosa.
No te deseo.
Te vas a reponer en apenas unos días.
Coloca este cuestionario en el sobre de franqueo pagado.
Esta es la primera vez que oigo hablar de este sitio web.
Espero que esté equivocada.
Ellos comenzaron la jornada con el canto del gallo.
Me encanta su música, pero no puedo pronunciar su nombre.
Aprendí a conducir cuando tenía quince años.
